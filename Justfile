# List recipes
_default:
    @just --list

# The whole story on this machine: bake, launch, chat, bake again, launch, roll back
[group('try')]
demo *flags:
    cargo demo {{ flags }}

# Everything CI checks, in CI's order
[group('check')]
ci: fmt-check clippy test

[group('check')]
fmt-check:
    cargo fmt --all --check

[group('check')]
clippy *flags:
    cargo clippy --workspace --all-targets --locked {{ flags }} -- -D warnings

# Mistakes in recipes, components, units and templates, without a cloud
[group('check')]
check *paths:
    cargo run --quiet --locked -- check {{ paths }}

# All tests; the guest story is skipped, with its reason, where QEMU is missing
[group('test')]
test *flags:
    cargo test --locked {{ flags }}

# Fuzzes a target of veris-toe, veris-chat or disk-audit, which its fuzz/README.md lists
[group('test')]
fuzz crate target seconds='300':
    cd crates/{{ crate }} && mkdir -p fuzz/corpus/{{ target }} fuzz/seeds/{{ target }} && RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none {{ target }} fuzz/corpus/{{ target }} fuzz/seeds/{{ target }} -- -max_total_time={{ seconds }} -timeout=10

# Timings of the main job, as a table
[group('bench')]
bench *flags:
    benches/main-job.sh {{ flags }}

# What streaming costs, beside the same server in Python: benches/chat.md and benches/chat.svg
[group('bench')]
bench-chat rounds='3':
    benches/chat.sh {{ rounds }}

# A bake beside Packer with its QEMU builder: benches/packer.md
[group('bench')]
bench-packer rounds='3':
    benches/packer.sh {{ rounds }}

# Tags the commit, from which .github/workflows/release.yaml bakes the version
[group('release')]
release version:
    test -z "$(git status --porcelain)" || { echo "commit what is changed first" >&2; exit 2; }
    cargo run --quiet --locked -- check
    git tag --annotate "v{{ version }}" --message "Release {{ version }}"
    git push origin "v{{ version }}"
