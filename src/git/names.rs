//! Turns Git's byte paths into the disk's and back. On Unix no byte is lost; elsewhere names that are not Unicode are
//! replaced and then simply not found.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A path of the repository as a path of the operating system, relative to the work tree.
#[cfg(unix)]
pub(super) fn native(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}

/// A path of the repository as a path of the operating system, relative to the work tree.
#[cfg(not(unix))]
pub(super) fn native(path: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(path).into_owned())
}

/// The bytes that Git would store for a name on the disk.
#[cfg(unix)]
pub(super) fn bytes(name: OsString) -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt;
    name.into_vec()
}

/// The bytes that Git would store for a name on the disk.
#[cfg(not(unix))]
pub(super) fn bytes(name: OsString) -> Vec<u8> {
    name.to_string_lossy().replace('\\', "/").into_bytes()
}

/// Where a path of the repository lies on the disk; the work tree itself for the root.
pub(super) fn on_disk(work_dir: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() { work_dir.to_path_buf() } else { work_dir.join(native(path)) }
}
