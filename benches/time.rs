//! How long each step takes: `cargo bench --bench time`, or with a part of a name behind it.

mod steps;

fn main() {
    divan::main();
}

#[divan::bench(args = steps::NAMES.iter().chain(steps::SLOW))]
fn step(bencher: divan::Bencher<'_, '_>, name: &str) {
    let step = steps::step(name).expect("the table has each name");
    bencher.bench_local(|| step.run());
}
