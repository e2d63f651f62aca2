//! The program: read the command line, run, tell how it went.

use std::io::Write;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use shost::certificates::Challenges;
use shost::command;
use shost::command::arguments::{self, Typed};
use shost::command::certify;
use shost::command::config::Config;
use shost::command::review::{self, CheckArguments};
use shost::log::{AccessLog, diagnostics, one_line, panics};
use shost::process::signals::Orders;
use shost::server::preparation::Preparation;
use shost::server::state::control::client;
use shost::server::{Server, StartError};
use shost::service::Service;

/// The exit code for a wrong command line, as is the custom.
const USAGE: u8 = 2;

/// Threads that wait for disks. More would only queue in front of the same disk.
const BLOCKING_THREADS: usize = 64;

/// Bytes of the stack of a thread that serves or waits for disks. A limit of data (`ulimit -d`) counts all of
/// them, used or not. Of a release build 112 KiB were seen in use at the most.
const STACK_BYTES: usize = 512 * 1024;

/// The longest time that the last lines of the log may take to be written.
const LOG_TIME: Duration = Duration::from_millis(500);

/// The filter of diagnostics, unless `SHOST_DIAGNOSTICS` gives another.
const DIAGNOSTICS: &str = "info";

fn main() -> ExitCode {
    let mut config = match arguments::read(std::env::args_os()) {
        Typed::Run(arguments) => Config::from(*arguments),
        Typed::Reload(arguments) => return reload(arguments.pid),
        Typed::Check(arguments) => return check_rules(&arguments),
        Typed::Certify(arguments) => return certify::run(*arguments),
        Typed::Keep(words) => return certify::keep(&words),
        Typed::Print(text) => return print(&text),
        Typed::Mistake(line) => return fail(&line, USAGE),
    };
    if let Some(mend) = config.lacks_sites() {
        return fail(&format!("error: {mend}"), 1);
    }
    if config.check {
        return check(&config);
    }
    if config.certify {
        if let Some(Err(error)) = config.setup.sources.tls.as_deref().map(certify::prepare) {
            return fail(&format!("error: {error}"), 1);
        }
        config.setup.companion = Some(arguments::beside(std::env::args_os()));
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("error: {error}"), 1),
    }
}

fn check_rules(arguments: &CheckArguments) -> ExitCode {
    match review::run(arguments) {
        Ok((report, has_errors)) => {
            let code = print(&report);
            if has_errors { ExitCode::FAILURE } else { code }
        }
        Err(error) => fail(&format!("error: {error}"), 1),
    }
}

fn check(config: &Config) -> ExitCode {
    match command::check::run(config) {
        Ok(checked) => {
            let mut code = print(&checked.report);
            for fault in checked.faults {
                code = fail(&format!("error: {fault}"), 1);
            }
            code
        }
        Err(error) => fail(&format!("error: {error}"), 1),
    }
}

fn run(config: Config) -> Result<(), StartError> {
    shost::process::heap::prepare();
    shost::process::descriptors::raise();
    let preparation = Preparation::make(&config.setup)?;
    let filter = std::env::var("SHOST_DIAGNOSTICS").unwrap_or_else(|_| DIAGNOSTICS.into());
    let diagnostics = diagnostics::start(&filter, config.log.timestamps)?;
    panics::watch();
    // Standard output itself would buffer, and hide how much of a line was written.
    let output = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let log = AccessLog::start(config.log, output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .thread_name("serving")
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let orders = Orders::listen()?;
        let tls = config.setup.sources.tls.as_deref();
        let challenges = tls.map(Challenges::beside).unwrap_or_default();
        let service = Service::new(config.policy, log.clone()).with_challenges(challenges);
        Server::start(config.setup, preparation, service)?.run(orders).await
    });
    runtime.shutdown_background();
    log.close(LOG_TIME);
    diagnostics.close(LOG_TIME);
    served
}

fn reload(pid: Option<u32>) -> ExitCode {
    match client::reload(pid) {
        Ok(line) => print(&(line + "\n")),
        Err(error) => fail(&format!("error: {error}"), 1),
    }
}

/// Nothing can be done about a standard output that is closed.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "{}", one_line(line));
    ExitCode::from(code)
}
