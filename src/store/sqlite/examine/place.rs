//! Says where a file stands on this machine: file system, free space, rights, and who holds its locks.
//! What the system does not tell is left out. Never opens the file: that would drop its locks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The bytes of the file beside the database that SQLite's log is in.
pub(super) fn log_bytes(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len())
}

/// The type of the file system, as Linux names it.
pub(super) fn file_system(path: &Path) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    mounted(&fs::read_to_string("/proc/self/mountinfo").ok()?, &path)
}

/// The type of the deepest mount that holds the path; of two at one place, the later hides the earlier.
fn mounted(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let point = PathBuf::from(place.split(' ').nth(4)?.replace("\\040", " "));
        path.starts_with(&point)
            .then(|| (point.components().count(), kind.split(' ').next().unwrap_or(kind).to_owned()))
    };
    mounts.lines().filter_map(mount).max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

/// What is left on the disk for this user.
#[cfg(unix)]
pub(super) fn disk_free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path.parent().filter(|folder| !folder.as_os_str().is_empty())?).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn disk_free_bytes(_path: &Path) -> Option<u64> {
    None
}

/// Whether this user may write the file, what SQLite keeps beside it, and their folder.
#[cfg(unix)]
pub(super) fn is_writable(path: &Path) -> bool {
    let may = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    let there =
        [path.to_path_buf(), beside(path, "-wal"), beside(path, "-shm")].into_iter().filter(|path| path.exists());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    there.into_iter().all(|path| may(&path)) && folder.is_none_or(may)
}

#[cfg(not(unix))]
pub(super) fn is_writable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.permissions().readonly())
}

#[cfg(unix)]
pub(super) fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).ok().map(|found| found.permissions().mode())
}

#[cfg(not(unix))]
pub(super) fn mode(_path: &Path) -> Option<u32> {
    None
}

/// Other processes that hold a lock on the database or on its shared memory, where locks of the log are kept.
#[cfg(target_os = "linux")]
pub(super) fn lockers(path: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return Vec::new() };
    let inode = |path: PathBuf| fs::metadata(path).ok().map(|found| found.ino());
    let inodes: Vec<u64> = [path.to_path_buf(), beside(path, "-shm")].into_iter().filter_map(inode).collect();
    let own = std::process::id();
    let others = holders(&locks, &inodes).into_iter().filter(|pid| *pid != own);
    others.map(named).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lockers(_path: &Path) -> Vec<String> {
    Vec::new()
}

/// SQLite's locks begin here in the shared memory; below is what every open connection holds.
const FIRST_LOCK: u64 = 120;
const LAST_LOCK: u64 = 127;

/// The processes in `/proc/locks` that write or read, by the files' inodes.
fn holders(locks: &str, inodes: &[u64]) -> BTreeSet<u32> {
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [.., pid, file, from, _to] = words[..] else { return None };
        let inode = file.rsplit(':').next()?.parse::<u64>().ok()?;
        let from = from.parse::<u64>().ok()?;
        // Beyond is the lock that says a connection is open, which everybody has.
        let is_work = (FIRST_LOCK..=LAST_LOCK).contains(&from);
        (inodes.contains(&inode) && is_work && !line.contains("->")).then(|| pid.parse().ok()).flatten()
    };
    locks.lines().filter_map(holder).filter(|pid| *pid > 0).collect()
}

/// `4711 (sqlite3)`, as far as the system tells.
fn named(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim().is_empty() { pid.to_string() } else { format!("{pid} ({})", name.trim()) }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{holders, mounted};

    const MOUNTS: &str = "22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                          30 22 0:26 / /mnt/a\\040b rw - nfs4 server:/x rw\n\
                          31 22 0:27 / /mnt rw - tmpfs tmpfs rw";

    #[test]
    fn the_deepest_mount_says_the_file_system() {
        let of = |path: &str| mounted(MOUNTS, Path::new(path));
        assert_eq!(of("/srv/q.db").as_deref(), Some("ext4"));
        assert_eq!(of("/mnt/a b/q.db").as_deref(), Some("nfs4"));
        assert_eq!(of("/mnt/q.db").as_deref(), Some("tmpfs"));
    }

    #[test]
    fn holders_of_working_locks_are_found_by_inode_and_those_who_wait_are_not() {
        let locks = "1: POSIX  ADVISORY  WRITE 4711 fd:00:99 120 120\n\
                     2: POSIX  ADVISORY  READ 4712 fd:00:99 128 128\n\
                     3: POSIX  ADVISORY  READ 4713 fd:00:98 123 123\n\
                     3: -> POSIX  ADVISORY  WRITE 4714 fd:00:99 120 120\n\
                     4: FLOCK  ADVISORY  WRITE 4715 fd:00:99 0 EOF";
        assert_eq!(holders(locks, &[99]).into_iter().collect::<Vec<_>>(), [4711]);
    }
}
