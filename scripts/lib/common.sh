# Shared by the scripts of this folder: sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    fail "neither root nor sudo: run as root: $*"
  fi
}

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

cluster_settings=/etc/postgresql-common/createcluster.d

# need PACKAGE REASON: installs a Debian package if it is missing, saying what and why.
need() {
  installed "$1" && return 0
  command -v apt-get >/dev/null 2>&1 || fail "$1 is missing ($2), and this is no Debian: install it"
  say "installing $1: $2"
  if [ -z "${updated:-}" ]; then
    as_root apt-get update -qq
    updated=yes
  fi
  if [ "$1" = postgresql ]; then
    # Debian starts a cluster when the package is installed; none is wanted, this once.
    need postgresql-common "keeps the server's package from starting a database"
    as_root sh -c "mkdir -p '$cluster_settings' &&
      echo 'create_main_cluster = false' > '$cluster_settings/pgpool.conf'"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null ||
    fail "apt-get install $1 failed"
  [ "$1" != postgresql ] || as_root rm -f "$cluster_settings/pgpool.conf"
}

need_swift() {
  command -v swift >/dev/null 2>&1 || fail "swift is missing: install Swift 6.2 or newer from https://swift.org/install"
  local version
  version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -1)
  case "$version" in
    6.[2-9] | 6.[1-9][0-9] | [7-9].* | [1-9][0-9].*) ;;
    *) fail "Swift ${version:-of an unknown version} is too old: 6.2 or newer is needed" ;;
  esac
}

# build_release PRODUCT: builds a program as services mostly are, with Swift's own libraries inside, and
# sets built to its path.
build_release() {
  local flags=(-c release --product "$1")
  [ "$(uname)" != Linux ] || flags+=(--static-swift-stdlib)
  swift build "${flags[@]}" && built=$(swift build "${flags[@]}" --show-bin-path)/$1
}

need_libraries() {
  need libpq-dev "the client library that PGPool wraps"
  need pkg-config "tells the compiler where libpq is"
}

# Sets newer_libpq to the folder of a libpq that can keep syncs for the flush (17), for LD_LIBRARY_PATH:
# Debian 12 has none, PyPI's psycopg-binary brings one along. Empty where the system's is new enough.
need_newer_libpq() {
  local wheel=psycopg-binary==3.2.13
  newer_libpq=
  ! pkg-config --atleast-version=17 libpq || return 0
  local folder=$root/.build/libpq17/$wheel
  newer_libpq=$folder/psycopg_binary.libs
  [ ! -e "$newer_libpq/libpq.so.5" ] || return 0
  python3 -m pip --version >/dev/null 2>&1 || need python3-pip "fetches psycopg-binary"
  say "fetching $wheel from PyPI: it brings a libpq 17 along"
  rm -rf "$folder"
  mkdir -p "$folder"
  python3 -m pip download -q --no-deps --only-binary :all: --disable-pip-version-check \
    -d "$folder" "$wheel" &&
    python3 -m zipfile -e "$folder"/*.whl "$folder" &&
    (cd "$newer_libpq" && ln -sf libpq-*.so.5.* libpq.so.5) ||
    { say "error: $wheel cannot be fetched from PyPI"; return 1; }
}

need_server() {
  need postgresql "the server that tests and benchmarks start for themselves"
  need openssl "makes the certificates of TLS tests"
  need nftables "drops packets for the fault cut"
}

need_pooler() {
  # Debian starts its service when the package is installed; none is wanted.
  if ! installed pgbouncer && [ -d /run/systemd/system ]; then
    as_root systemctl mask --quiet pgbouncer.service
  fi
  need pgbouncer "the pooler that the tests of statement modes start for themselves"
}
