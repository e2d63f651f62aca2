//! Section 1 of the contract: what the command line takes, prints and returns.

mod support;

use support::server::Setup;

#[test]
fn version_is_printed_by_each_of_its_options() {
    for option in ["-V", "-v", "--version"] {
        let ended = Setup::bare().args([option]).run();
        assert_eq!(ended.code, Some(0), "{option}");
        let expected = format!("shost {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(ended.stdout, [expected], "{option}");
    }
}
