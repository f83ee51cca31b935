#!/usr/bin/env bash
# Installs what the tests need and runs all of them. Debian, Ubuntu or macOS, with Rust.
#
#   tests/run.sh          everything a change must pass
#   tests/run.sh --full   the same with many more random cases
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }

if [ "${1:-}" = "--full" ]; then
    export PROPTEST_CASES=20000 CACHED_FULL=1
elif [ $# -gt 0 ]; then
    echo "usage: tests/run.sh [--full]" >&2
    exit 2
fi

need_cargo() {
    command -v cargo >/dev/null && return
    echo "Rust is missing: install it from https://rustup.rs and run this again" >&2
    exit 1
}

# SQLite and zstd are C: they need a compiler, and nothing else.
need_compiler() {
    command -v cc >/dev/null && return
    say "installing a C compiler"
    case "$(uname -s)" in
        Darwin)
            xcode-select --install || true
            echo "the system now asks whether to install the compiler: agree, and run this again" >&2
            exit 1
            ;;
        Linux)
            local sudo=""
            [ "$(id -u)" = 0 ] || sudo="sudo"
            if command -v apt-get >/dev/null; then
                $sudo apt-get update -q && $sudo apt-get install -y -q --no-install-recommends gcc libc6-dev
            else
                echo "no C compiler, and no apt-get to install one: install gcc or clang" >&2
                exit 1
            fi
            ;;
    esac
}

# Database servers: tests start their own, on free ports. What a package starts by itself is not touched, and not needed.
need_server() {
    local program="$1" package="$2" file
    command -v "$program" >/dev/null && return
    # Debian keeps PostgreSQL out of the path.
    for file in /usr/lib/postgresql/*/bin/"$program"; do
        [ -x "$file" ] && return
    done
    say "installing $package"
    case "$(uname -s)" in
        Darwin) brew install "${package%-server}" ;;
        *)
            local sudo=""
            [ "$(id -u)" = 0 ] || sudo="sudo"
            if ! command -v apt-get >/dev/null; then
                echo "no $program, and no apt-get to install it: install $package" >&2
                exit 1
            fi
            $sudo apt-get update -q
            $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$package"
            ;;
    esac
}

# The public suite of tests for HTTP caches is written for Node.js.
need_node() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        say "installing Node.js"
        case "$(uname -s)" in
            Darwin) brew install node ;;
            *)
                local sudo=""
                [ "$(id -u)" = 0 ] || sudo="sudo"
                if ! command -v apt-get >/dev/null; then
                    echo "no node, and no apt-get to install it: install Node.js and npm" >&2
                    exit 1
                fi
                $sudo apt-get update -q
                $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nodejs npm
                ;;
        esac
    fi
    [ -d tests/http-cache/node_modules/http-cache-tests ] || (cd tests/http-cache && npm ci --ignore-scripts)
}

# Valkey, where the system's packages have it: one test runs there again what it runs on Redis, and says so if it cannot.
want_valkey() {
    command -v valkey-server >/dev/null && return
    { command -v apt-get && apt-cache show valkey-server; } >/dev/null 2>&1 || return 0
    say "installing valkey-server"
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    # Its service shall not start: it would want the port that Redis's has.
    $sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-remove --no-install-recommends valkey-server ||
        echo "valkey-server could not be installed: the tests do without it"
}

# HypoPG, an extension of PostgreSQL, likewise: without it the tests of indexes that are not made are left out, and that is said here.
want_hypopg() {
    local version share sudo=""
    version=$(ls /usr/lib/postgresql 2>/dev/null | tail -1 || true)
    share=$(pg_config --sharedir 2>/dev/null || echo "/usr/share/postgresql/$version")
    [ -e "$share/extension/hypopg.control" ] && return
    [ "$(id -u)" = 0 ] || sudo="sudo"
    if command -v apt-get >/dev/null; then
        say "installing hypopg"
        $sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-remove --no-install-recommends "postgresql-$version-hypopg" && return
    fi
    echo "hypopg could not be installed: the tests do without it"
    export KIT_WITHOUT_HYPOPG=1
}

# A browser without a window, and what drives it. They come as a pair: each speaks to its own version.
need_browser() {
    command -v chromedriver >/dev/null && return
    say "installing Chromium"
    case "$(uname -s)" in
        Darwin) brew install --cask chromedriver google-chrome ;;
        *)
            local sudo=""
            [ "$(id -u)" = 0 ] || sudo="sudo"
            if ! command -v apt-get >/dev/null; then
                echo "no chromedriver, and no apt-get to install it: install Chromium with its driver" >&2
                exit 1
            fi
            $sudo apt-get update -q
            # Ubuntu has it as a snap, under another name.
            $sudo apt-get install -y -q --no-install-recommends chromium chromium-driver ||
                $sudo apt-get install -y -q --no-install-recommends chromium-browser chromium-chromedriver
            ;;
    esac
}

need_cargo
need_compiler
need_browser
need_server redis-server redis-server
need_server postgres postgresql
need_server mariadbd mariadb-server
need_node
want_valkey
want_hypopg

# Each of them checks what it shows. All are built with all features, as the tests are: nothing is built twice.
say "examples"
cargo build --workspace --all-features --examples
for file in examples/*.rs; do basename "$file" .rs; done |
    cat - <(printf '%s\n' cluster embeddings flashcards proxy query quickstart service video) |
    xargs -P 4 -I '{}' sh -c 'echo "example $1"; "$2/debug/examples/$1" >/dev/null </dev/null' sh '{}' "${CARGO_TARGET_DIR:-target}"

say "examples in the documentation"
cargo test --workspace --all-features --doc

# Most tests wait for servers and clocks most of their time: two more at once than there are processors.
cores=$(nproc 2>/dev/null || sysctl -n hw.ncpu)
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((cores + 2))}"

say "tests"
# All that fail are told of, not the first alone.
cargo test --workspace --all-features --no-fail-fast --lib --bins --tests
