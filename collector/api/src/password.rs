//! Passwords: the policy, hashing and verifying. Both take tens of milliseconds and 19 MiB, so async code calls them on a
//! blocking thread.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};

/// Fewest characters of a new password.
pub const MIN_CHARS: usize = 12;

/// Most bytes of a password that are looked at, so that nobody makes the hash function read a megabyte.
pub const MAX_BYTES: usize = 1_024;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than [`MIN_CHARS`] characters.
    #[error("password has {0} characters, at least {MIN_CHARS} are needed")]
    TooShort(usize),
    /// Longer than [`MAX_BYTES`] bytes.
    #[error("password has {0} bytes, at most {MAX_BYTES} are allowed")]
    TooLong(usize),
    /// The hash function failed, which means that no randomness or memory was available.
    #[error("password cannot be hashed: {0}")]
    Hash(String),
}

/// Hashes a new password with a fresh salt: argon2id, 19 MiB, two passes, one lane (the first choice of the OWASP Password
/// Storage Cheat Sheet), as a PHC string `$argon2id$v=19$m=19456,t=2,p=1$…`.
///
/// # Errors
/// When the password does not satisfy the policy, or when no randomness is available.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        return Err(PasswordError::TooShort(chars));
    }
    if password.len() > MAX_BYTES {
        return Err(PasswordError::TooLong(password.len()));
    }
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| PasswordError::Hash(e.to_string()))
}

/// Whether `password` is the one that `phc` was made from. A text that is no PHC string matches nothing.
pub fn verify(password: &str, phc: &str) -> bool {
    password.len() <= MAX_BYTES
        && Argon2::default().verify_password(password.as_bytes(), phc).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: lengths just below, at and above both limits. Guarantees: the policy counts characters, not bytes, below
    /// and bytes above.
    #[test]
    fn policy_limits() {
        assert!(matches!(hash("elevenchars"), Err(PasswordError::TooShort(11))));
        assert!(matches!(hash("十一个汉字也不够长的啊"), Err(PasswordError::TooShort(11))));
        assert!(hash("twelve chars").is_ok());
        assert!(hash(&"x".repeat(MAX_BYTES)).is_ok());
        assert!(matches!(hash(&"x".repeat(MAX_BYTES + 1)), Err(PasswordError::TooLong(1_025))));
    }

    /// Scenario: the right password, a wrong one, and stored texts that are no hash. Guarantees: only the right one passes,
    /// the hash is argon2id, and two hashes of one password differ.
    #[test]
    fn only_the_password_verifies() {
        let phc = hash("correct horse battery").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse battery", &phc));
        assert!(!verify("correct horse batterz", &phc));
        for broken in ["", "plain", "$argon2id$", &phc[..phc.len() - 3]] {
            assert!(!verify("correct horse battery", broken), "{broken}");
        }
        assert_ne!(phc, hash("correct horse battery").unwrap());
    }
}
