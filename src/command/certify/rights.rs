//! The rights that a run needs, and no others.
//!
//! Started by root, it becomes the owner of its state folder, so that runs by hand and runs of the
//! timer find the same files. Then Landlock: sites can be listed but no file in them read; the TLS
//! folder and the state can be written; connections go to the ports of HTTP, of the DNS and of the
//! authorities, and nothing can be bound.
//!
//! The name service of the C library reads `resolv.conf` and `hosts`. It finds neither its own
//! configuration nor its plug-ins, which a static binary should not load anyway.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope, path_beneath_rules,
};
use rustix::fs::{Gid, Uid};
use rustix::process::geteuid;
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::failure::Failure;

/// The newest of Landlock's interfaces that this has been tried with.
const TRIED: ABI = ABI::V7;

/// The files that the name service reads.
const NAME_SERVICE: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/gai.conf"];

/// HTTP, HTTPS, and the DNS for answers that are too long for a datagram.
const PORTS: [u16; 3] = [80, 443, 53];

/// Becomes the owner of the state folder, or of the TLS folder if there is no state yet. Only the
/// first thread may call this.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn become_owner(state: &Path, tls: &Path) -> Result<(), Failure> {
    let refused = |error: rustix::io::Errno| {
        Failure::Here(format!("cannot become the owner of {}: {error}", state.display()))
    };
    set_no_new_privs(true).map_err(refused)?;
    if !geteuid().is_root() {
        return Ok(());
    }
    let Ok(group) = fs::metadata(tls).map(|metadata| metadata.gid()) else { return Ok(()) };
    let owner = if let Ok(metadata) = fs::metadata(state) {
        metadata.uid()
    } else {
        let failed = |error| Failure::file(state, &error);
        let owner = fs::metadata(tls).map_err(|error| Failure::file(tls, &error))?.uid();
        fs::create_dir_all(state).map_err(failed)?;
        chown(state, Some(owner), Some(group)).map_err(failed)?;
        owner
    };
    if owner == 0 {
        return Ok(());
    }
    let (owner, group) = (Uid::from_raw(owner), Gid::from_raw(group));
    set_thread_groups(&[group]).map_err(refused)?;
    set_thread_res_gid(Some(group), Some(group), Some(group)).map_err(refused)?;
    set_thread_res_uid(Some(owner), Some(owner), Some(owner)).map_err(refused)
}

/// Enters the sandbox with this thread and all that it will start. A kernel without Landlock has
/// none.
///
/// # Errors
/// When the kernel knows Landlock and refuses it all the same.
pub(super) fn confine(
    sites: &Path,
    written: [&Path; 2],
    directories: &BTreeSet<String>,
) -> Result<(), RulesetError> {
    let write: BitFlags<AccessFs> = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeDir
        | AccessFs::MakeReg
        | AccessFs::RemoveDir
        | AccessFs::RemoveFile
        | AccessFs::Refer;
    let ports: BTreeSet<u16> =
        PORTS.into_iter().chain(directories.iter().filter_map(|url| port(url))).collect();
    let ports = ports
        .into_iter()
        .map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp)));
    let name_service: Vec<PathBuf> =
        NAME_SERVICE.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    Ruleset::default()
        .handle_access(AccessFs::from_all(TRIED))?
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))?
        .create()?
        .add_rules(path_beneath_rules([sites], AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(written, write))?
        .add_rules(path_beneath_rules(&name_service, AccessFs::ReadFile))?
        .add_rules(ports)?
        .restrict_self()?;
    Ok(())
}

/// The port that a URL names.
fn port(url: &str) -> Option<u16> {
    url.parse::<http::Uri>().ok()?.port_u16()
}

#[cfg(test)]
mod tests {
    use super::super::storage::read;
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_run_can_do_what_it_needs_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        for name in ["sites/a.test", "tls/a.test", "state", "other"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        for file in ["sites/a.test/index.html", "tls/a.test/cert.pem", "other/x"] {
            fs::write(path.join(file), "x").unwrap();
        }
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [named, other] = listeners.each_ref().map(|it| it.local_addr().unwrap());
        let directories = BTreeSet::from([format!("https://{named}/dir")]);
        // The sandbox holds for the thread that enters it, so the test goes on outside.
        let inside = std::thread::spawn(move || {
            let (tls, state) = (path.join("tls"), path.join("state"));
            confine(&path.join("sites"), [&tls, &state], &directories).unwrap();
            if read(Path::new("/etc/passwd")).is_ok() {
                return;
            }
            let denied = |done: std::io::Result<()>| {
                done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
            };
            let listed = fs::read_dir(path.join("sites")).unwrap().count();
            assert_eq!(listed, 1, "sites can be listed");
            assert!(denied(read(&path.join("sites/a.test/index.html")).map(drop)));
            assert!(denied(fs::write(path.join("sites/a.test/new"), "x")));
            assert!(denied(read(&path.join("other/x")).map(drop)));
            assert_eq!(read(&path.join("tls/a.test/cert.pem")).unwrap().unwrap(), b"x");
            fs::create_dir(path.join("tls/.new")).unwrap();
            fs::write(path.join("tls/.new/x"), "x").unwrap();
            fs::rename(path.join("tls/.new"), path.join("tls/b.test")).unwrap();
            fs::remove_dir_all(path.join("tls/b.test")).unwrap();
            fs::write(path.join("state/x"), "x").unwrap();
            read(Path::new("/etc/hosts")).unwrap();
            assert!(TcpStream::connect(named).is_ok());
            assert!(denied(TcpStream::connect(other).map(drop)));
            assert!(denied(TcpListener::bind("127.0.0.1:0").map(drop)));
        });
        inside.join().unwrap();
    }

    #[test]
    fn the_port_of_a_directory_is_its_own_or_none() {
        let table = [
            ("https://ca.test:14000/dir", Some(14000)),
            ("https://ca.test/dir", None),
            ("https://[::1]:9/", Some(9)),
            ("nonsense :", None),
        ];
        for (url, expected) in table {
            assert_eq!(port(url), expected, "{url}");
        }
    }
}
