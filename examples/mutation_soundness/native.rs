//! Makes the files that no text holds: objects and static libraries, with the C compiler, and profiles.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Static libraries that define `int value(void)` with different results, so that one can take the place of another.
pub(crate) fn libraries(folder: &Path) -> Result<Vec<Vec<u8>>> {
    (41..44).map(|result| compile(folder, &format!("int value(void) {{ return {result}; }}\n"), true)).collect()
}

/// Objects that define a number that nothing uses.
pub(crate) fn objects(folder: &Path) -> Result<Vec<Vec<u8>>> {
    (1..4).map(|number| compile(folder, &format!("const int spare_number = {number};\n"), false)).collect()
}

fn compile(folder: &Path, text: &str, archive: bool) -> Result<Vec<u8>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("v.c"), text)?;
    run(folder, "gcc", &["-c", "-O1", "v.c", "-o", "v.o"])?;
    if !archive {
        return Ok(fs::read(folder.join("v.o"))?);
    }
    let library = folder.join("libv.a");
    if library.exists() {
        fs::remove_file(&library)?;
    }
    run(folder, "ar", &["rcsD", "libv.a", "v.o"])?;
    Ok(fs::read(library)?)
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    let output =
        command.args(arguments).current_dir(folder).output().with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(())
}

/// CPU profiles (the protocol buffer of pprof) in which one function spends much of its time calling another; the last
/// one holds no sample.
pub(crate) fn profiles(caller: &str, callee: &str) -> Vec<Vec<u8>> {
    let mut profiles: Vec<Vec<u8>> = [10, 2000].map(|weight| profile(caller, callee, weight)).into();
    profiles.push(Vec::new());
    profiles
}

fn profile(caller: &str, callee: &str, weight: u64) -> Vec<u8> {
    let mut message = Message::default();
    message.nested(1, |kind| kind.number(1, 1).number(2, 2));
    message.nested(2, |sample| sample.number(1, 1).number(1, 2).number(2, weight));
    // The innermost function comes first.
    for (id, name) in [(1, 3), (2, 4)] {
        message.nested(4, |location| location.number(1, id).nested(4, |line| line.number(1, id).number(2, 8)));
        message.nested(5, |function| function.number(1, id).number(2, name).number(3, name).number(5, 7));
    }
    for text in ["", "samples", "count", callee, caller] {
        message.bytes(6, text.as_bytes());
    }
    message.0
}

/// A protocol buffer, written field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn nested(&mut self, field: u64, fill: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        let mut message = Self::default();
        fill(&mut message);
        self.bytes(field, &message.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        let mut message = Message::default();
        message.number(1, 300).bytes(2, b"ab");
        assert_eq!(message.0, [0x08, 0xac, 0x02, 0x12, 2, b'a', b'b']);
    }
}
