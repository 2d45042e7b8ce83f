#include "baselines.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

char **pool_bench_environment(const char *conninfo) {
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (!options) return NULL;

    size_t count = 0;
    for (PQconninfoOption *option = options; option->keyword; option++) count++;
    char **environment = calloc(2 * count + 1, sizeof *environment);
    size_t used = 0;
    for (PQconninfoOption *option = options; environment && option->keyword; option++) {
        if (!option->val || !option->envvar) continue;
        environment[used] = strdup(option->envvar);
        environment[used + 1] = strdup(option->val);
        if (!environment[used] || !environment[used + 1]) {
            free(environment[used]);
            free(environment[used + 1]);
            environment[used] = environment[used + 1] = NULL;
            break;
        }
        used += 2;
    }
    PQconninfoFree(options);
    return environment;
}

void pool_bench_environment_free(char **environment) {
    if (!environment) return;
    for (char **item = environment; *item; item++) free(*item);
    free(environment);
}
