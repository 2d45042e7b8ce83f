#include "baselines.h"
int pgpool_baseline_placeholder(void) { return 0; }
