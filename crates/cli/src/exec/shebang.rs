//! Reads the first bytes of a program as the kernel does: an ELF file of this
//! machine, or a `#!` line. Everything else is refused, since whatever would
//! run it (a shell's guess, `binfmt_misc`) would not be bound.

/// Bytes of a program that the kernel looks at.
pub(crate) const HEAD: usize = 256;

/// What the kernel would make of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Machine code.
    Elf,
    /// A script with its interpreter.
    Script(Line),
}

/// A `#!` line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The interpreter as it is written.
    pub(crate) interpreter: String,
    /// The one argument that may follow.
    pub(crate) argument: Option<String>,
}

/// Why a program is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SortError {
    #[error("it is neither a program for this machine nor a script with a `#!` line")]
    Unknown,
    #[error("it is a program for another machine; whatever would run it is not bound")]
    OtherMachine,
    #[error("its `#!` line is longer than {} bytes", HEAD - 1)]
    TooLong,
    #[error("its `#!` line names no interpreter")]
    NoInterpreter,
    #[error("its `#!` line is not UTF-8 text")]
    NotText,
    #[error("its `#!` line names `{0}`, which is not an absolute path")]
    Relative(String),
}

/// Reads the first [`HEAD`] bytes of a program.
pub(crate) fn sort(head: &[u8]) -> Result<Sort, SortError> {
    if head.starts_with(b"\x7fELF") {
        return if is_native(head) {
            Ok(Sort::Elf)
        } else {
            Err(SortError::OtherMachine)
        };
    }
    let Some(rest) = head.strip_prefix(b"#!") else {
        return Err(SortError::Unknown);
    };
    let line = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => &rest[..end],
        None if head.len() < HEAD => rest,
        None => return Err(SortError::TooLong),
    };
    let line = std::str::from_utf8(line).map_err(|_| SortError::NotText)?;
    // A carriage return is part of the name for the kernel, and invisible.
    if line.contains(|character: char| character.is_control() && character != '\t') {
        return Err(SortError::NotText);
    }
    let blank = [' ', '\t'];
    let line = line.trim_matches(blank);
    let (interpreter, argument) = match line.split_once(blank) {
        Some((interpreter, argument)) => (interpreter, argument.trim_start_matches(blank)),
        None => (line, ""),
    };
    if interpreter.is_empty() {
        return Err(SortError::NoInterpreter);
    }
    if !interpreter.starts_with('/') {
        return Err(SortError::Relative(interpreter.into()));
    }
    Ok(Sort::Script(Line {
        interpreter: interpreter.into(),
        argument: (!argument.is_empty()).then(|| argument.into()),
    }))
}

/// Class, byte order and machine of the running program, which is native.
const CLASS: u8 = if cfg!(target_pointer_width = "64") {
    2
} else {
    1
};
const LITTLE: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };
const MACHINES: &[(u8, u16)] = if cfg!(target_arch = "x86_64") {
    // x86-64, its 32-bit pointers, and i386.
    &[(2, 62), (1, 62), (1, 3)]
} else if cfg!(target_arch = "aarch64") {
    &[(2, 183), (1, 40)]
} else if cfg!(target_arch = "riscv64") {
    &[(2, 243)]
} else {
    &[]
};

fn is_native(head: &[u8]) -> bool {
    let Some(&[low, high]) = head.get(18..20) else {
        return false;
    };
    let machine = if LITTLE == 1 {
        u16::from_le_bytes([low, high])
    } else {
        u16::from_be_bytes([low, high])
    };
    let known = MACHINES.is_empty() && head[4] == CLASS || MACHINES.contains(&(head[4], machine));
    known && head[5] == LITTLE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Result<Sort, SortError> {
        sort(&text.as_bytes()[..text.len().min(HEAD)])
    }

    fn line(interpreter: &str, argument: Option<&str>) -> Result<Sort, SortError> {
        Ok(Sort::Script(Line {
            interpreter: interpreter.into(),
            argument: argument.map(Into::into),
        }))
    }

    #[test]
    fn reads_a_line_as_the_kernel_does() {
        assert_eq!(script("#!/bin/sh\necho"), line("/bin/sh", None));
        assert_eq!(
            script("#! \t/bin/sh  -e -u \n"),
            line("/bin/sh", Some("-e -u"))
        );
        assert_eq!(script("#!/bin/sh"), line("/bin/sh", None));
        assert_eq!(script("#!/bin/sh\t-x\n"), line("/bin/sh", Some("-x")));
    }

    #[test]
    fn refuses_what_it_could_read_in_another_way() {
        let long = format!("#!/{}\n", "x".repeat(300));
        assert_eq!(script(&long), Err(SortError::TooLong));
        assert_eq!(script("#!\n"), Err(SortError::NoInterpreter));
        assert_eq!(script("#!/bin/sh\r\n"), Err(SortError::NotText));
        assert_eq!(script("#!/bin/sh\0\n"), Err(SortError::NotText));
        assert_eq!(sort(b"#!/bin/\xff\n"), Err(SortError::NotText));
        assert_eq!(script("#!sh\n"), Err(SortError::Relative("sh".into())));
        assert_eq!(script("echo no line\n"), Err(SortError::Unknown));
        assert_eq!(script(""), Err(SortError::Unknown));
    }

    #[test]
    fn only_programs_of_this_machine() {
        let own = std::fs::read("/proc/self/exe").expect("its own program is readable");
        assert_eq!(sort(&own[..HEAD]), Ok(Sort::Elf));
        let mut other = own[..HEAD].to_vec();
        other[18] = 22;
        other[19] = 0;
        assert_eq!(sort(&other), Err(SortError::OtherMachine));
        assert_eq!(sort(b"\x7fELF"), Err(SortError::OtherMachine));
    }
}
