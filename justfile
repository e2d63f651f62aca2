# What CI runs, on this machine: all of it, or the steps that are named: just check lints tests
check *steps:
    .ci/run {{steps}}

# The steps of CI, one by one.
check-format: (check "format")
check-lints: (check "lints")
check-python: (check "python")
check-tests: (check "tests")
check-documentation: (check "documentation")
check-supply: (check "supply")
check-fuzz: (check "fuzz")
check-corpus: (check "corpus")
check-promises: (check "promises")
check-certify: (check "certify")
check-memory: (check "memory")
check-deploy: (check "deploy")
check-soak: (check "soak")
check-quic: (check "quic")
check-browser: (check "browser")

# The site of the README's first command, on http://127.0.0.1:8080
example:
    cargo run --release -- examples/site

# Every test of the crate.
test:
    cargo test

# One fuzz target for a while: just fuzz path 600
fuzz target seconds="60":
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}}

# Every fuzz target for a long time, on every core; keeps what it finds: just fuzz-all 8
fuzz-all hours *targets:
    fuzz/all {{hours}} {{targets}}

# Which lines the tests reach (needs cargo-llvm-cov and the component llvm-tools).
coverage *arguments:
    cargo llvm-cov --locked --ignore-filename-regex '(tests|fuzz)/' {{arguments}}

# Which changes of the code no unit test notices, in files that match: just mutants 'src/protocol/turn.rs'
mutants files:
    cargo mutants --baseline skip --timeout 120 --file '{{files}}' -- --lib

# How long each step takes; with a part of a name, only those.
bench name="":
    cargo bench --bench time -- {{name}}

# How many instructions each step takes, beside the figures that are kept in the tree.
bench-instructions *arguments:
    benches/instructions.py {{arguments}}

# Everything at once for a while, on the release build: just soak 20
soak minutes="20":
    cargo build --release --locked
    tests/system/soak/run.py --shost target/release/shost --minutes {{minutes}}

# shost beside nginx, h2o, lighttpd, Caddy and static-web-server.
bench-peers *arguments:
    benches/peers/run.py {{arguments}}

# What a start takes, with ten sites and with 2,000.
bench-start *arguments:
    cargo build --release --locked
    benches/start.py {{arguments}}

# What one client's work costs another.
bench-interference *arguments:
    cargo build --release --locked
    benches/interference.py {{arguments}}

# What an urgent page waits behind a download.
bench-urgent *arguments:
    cargo build --release --locked
    benches/urgent.py {{arguments}}

# First bytes and pages behind a long line; needs root.
bench-far *arguments:
    cargo build --release --locked
    benches/far/run.py {{arguments}}

# The static binary that the image holds; prints where it is.
static:
    container/static

# The profile that it is compiled by, made anew: ten minutes.
profile:
    container/profile

# A Debian package of it; prints where it is.
deb:
    container/deb

# The hosting setup, tried on a machine that is booted for it (root, Debian).
deploy:
    tests/system/deploy/run.sh "$(container/static)"

# The image, from this source.
image:
    podman build -t localhost/shost -f container/Containerfile .
