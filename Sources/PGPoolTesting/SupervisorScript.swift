extension Supervisor {
    /// What the supervisor process runs: a POSIX shell script, so that it needs no program of ours.
    ///
    /// It takes one command a line on its standard input and answers each with one line, `ok …` or
    /// `failed …`. The other end of that input belongs to the owner alone: when the owner is gone,
    /// however it went, `read` sees the end of it, the loop ends, and the exit trap cleans up. The
    /// servers are its children, so that it also reaps them.
    ///
    /// The processes of a server are found by their working directory, which is its data
    /// directory. So those count too whose postmaster died before them, and never one that only
    /// happens to carry a number that was theirs. A pid file is believed only after that check.
    static let script = #"""
        set -u
        bin=$1 base=$2 superuser=$3 root=
        umask 077
        # A reply to an owner that is gone must not end us before we cleaned up.
        trap '' HUP PIPE
        trap 'exit 0' INT TERM
        exec 3<&0 </dev/null 2>/dev/null

        processes() {
            ls -l /proc/[0-9]*/cwd | while read -r line; do
                case $line in
                *" -> $1/"*) line=${line#*/proc/}; printf '%s\n' "${line%%/*}" ;;
                esac
            done
        }

        postmaster() {
            [ -r "$1/data/postmaster.pid" ] && read -r recorded <"$1/data/postmaster.pid" || return 0
            for process in $(processes "$1"); do
                [ "$process" = "$recorded" ] && printf '%s\n' "$process"
            done
        }

        # When the next signal goes out, in seconds since the machine started: finding the processes
        # takes its time before that.
        note_time() { [ -n "$struck" ] || read -r struck rest </proc/uptime; }

        # A process forked between the listing and the kill is met in the next round.
        kill_all() {
            struck=
            while found=$(processes "$1") && [ -n "$found" ]; do
                note_time
                kill -KILL $found
                sleep 0.01
            done
        }

        # A process forked between the listing and the signal is met in the next round.
        freeze_all() {
            struck= before= found=$(processes "$1")
            while [ "$found" != "$before" ]; do
                note_time
                kill -STOP $found
                before=$found found=$(processes "$1")
            done
        }

        # Waits for the process that notes how the server ended, and so for no other server.
        reap() {
            [ -r "$1/keeper" ] || return 0
            read -r keeper <"$1/keeper"
            rm -f "$1/keeper"
            wait "$keeper"
        }

        # Removes what a killed postmaster leaves: its shared memory segment and its lock files.
        forget() {
            [ -f "$1/data/postmaster.pid" ] || return 0
            segment=$(sed -n '7s/.* //p' "$1/data/postmaster.pid")
            [ -z "$segment" ] || ipcrm -m "$segment"
            rm -f "$1/data/postmaster.pid" "$1"/.s.PGSQL.* "$1"/control/.s.PGSQL.*
        }

        finish() {
            trap '' INT TERM
            [ -n "$root" ] || return 0
            found=$(processes "$root")
            [ -z "$found" ] || kill -CONT $found
            for node in "$root"/*/; do
                found=$(postmaster "${node%/}")
                [ -z "$found" ] || kill -QUIT $found
            done
            rounds=0
            while [ -n "$(processes "$root")" ] && [ $rounds -lt 200 ]; do
                sleep 0.02
                rounds=$((rounds + 1))
            done
            kill_all "$root"
            wait
            for node in "$root"/*/; do forget "${node%/}"; done
            # A program that the owner left behind may still add a file while we remove.
            rounds=0
            until rm -rf "$root" || [ $rounds -ge 200 ]; do
                sleep 0.02
                rounds=$((rounds + 1))
            done
        }
        trap finish EXIT

        initialise() {
            set -- "$1" -D "$1/data" -U "$superuser" -A trust --no-sync --encoding=UTF8 --locale=C
            target=$1
            shift
            "$bin/initdb" "$@" >"$target.initdb" 2>&1 3<&- && mkdir "$target/control"
        }

        # A stopped server's data, for a standby.
        copy() {
            mkdir "$2" "$2/control" && cp -a "$1/data" "$2/data" && : >"$2/data/standby.signal"
        }

        # A running server's data, for a standby. It takes its time, and we must stay awake.
        clone() {
            kill_all "$1"
            reap "$1"
            forget "$1"
            rm -rf "$1/data" "$1/cloned" && mkdir -p "$1/data" "$1/control" && cd "$1/data" ||
                return 1
            {
                "$bin/pg_basebackup" -D "$1/data" -h "$2" -p "$3" -U "$superuser" \
                    --checkpoint=fast --wal-method=stream --no-sync >>"$1/log" 2>&1 &
                cd /
                wait $!
                status=$?
                : >"$1/data/standby.signal"
                echo $status >"$1/cloned"
            } >/dev/null 3<&- &
            cd /
        }

        # The server's first process is forked in the data directory, and not only goes there by
        # itself: else an end that comes early would miss it. Its parent, which notes how it ended,
        # leaves at once, as it is no process of the server.
        start() {
            kill_all "$1"
            reap "$1"
            forget "$1"
            rm -f "$1/exit"
            cd "$1/data" || return 1
            {
                "$bin/postgres" -D "$1/data" -c "config_file=$1/postgresql.conf" >>"$1/log" 2>&1 &
                cd /
                wait $!
                echo $? >"$1/exit"
            } >/dev/null 3<&- &
            echo $! >"$1/keeper"
            cd /
        }

        # A socket's path may have 107 bytes, and the rest of it needs its share.
        [ ${#base} -le 60 ] || base=/tmp
        root=$(mktemp -d "$base/pgpool-XXXXXX" || mktemp -d /tmp/pgpool-XXXXXX)
        [ -n "$root" ] && root=$(cd "$root" && pwd -P) ||
            { echo "failed to make a directory in $base and in /tmp"; exit 1; }
        echo "ok $root"

        while read -r verb node argument <&3; do
            path=$root/$node
            case $verb in
            initialise) initialise "$path" && echo ok || echo "failed: initdb" ;;
            start) [ -z "$(postmaster "$path")" ] && start "$path" && echo ok ||
                echo "failed: the server is running" ;;
            signal) found=$(postmaster "$path") struck=
                note_time
                [ -n "$found" ] && kill "-$argument" $found && echo "ok $struck" ||
                echo "failed: the server is not running" ;;
            kill) kill_all "$path"; reap "$path"; forget "$path"; echo killed >"$path/exit"
                echo "ok $struck" ;;
            freeze) freeze_all "$path"; echo "ok $struck" ;;
            thaw) found=$(processes "$path"); [ -z "$found" ] || kill -CONT $found; echo ok ;;
            copy) copy "$path" "$root/$argument" && echo ok || echo "failed: copying the data" ;;
            clone) clone "$path" $argument && echo ok || echo "failed: copying the data" ;;
            standby) : >"$path/data/standby.signal" && echo ok || echo "failed: no data" ;;
            primary) rm -f "$path/data/standby.signal"; echo ok ;;
            remove) kill_all "$path"; reap "$path"; forget "$path"; rm -rf "$path"; echo ok ;;
            processes) echo ok $(processes "$path") ;;
            *) echo "failed: unknown command" ;;
            esac
        done
        """#
}
