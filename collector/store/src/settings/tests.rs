//! Folding, tokens and certificates.

use super::*;
use collector_domain::Role;
use std::fs;

fn open(dir: &Path) -> Result<SettingsLog, SettingsError> {
    SettingsLog::open(&dir.join("settings"), &dir.join("settings.key"))
}

fn node(name: &str) -> NodeIdentity {
    NodeIdentity::new("acme", "h1", "a1", name).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn account(name: &str, role: Role, hash: &str, secs: i64) -> Change {
    Change::AccountSet {
        name: name.to_owned(),
        role,
        password_hash: PasswordHash(hash.to_owned()),
        at: at(secs),
    }
}

fn token(id: &str) -> Change {
    Change::TokenIssued {
        id: id.to_owned(),
        secret_sha256: SecretDigest([7; 32]),
        node: node("db-1"),
        expires: at(100),
        at: at(1),
    }
}

fn joined(name: &str, serial: &str, secs: i64) -> Change {
    let cert_serial = serial.to_owned();
    Change::NodeJoined {
        identity: node(name),
        cert_serial,
        cert_expires: Some(at(secs + 100)),
        at: at(secs),
    }
}

fn renewed(name: &str, serial: &str) -> Change {
    let cert_serial = serial.to_owned();
    Change::NodeRenewed { identity: node(name), cert_serial, cert_expires: None, at: at(50) }
}

fn revoked(name: &str) -> Change {
    Change::NodeRevoked { identity: node(name), reason: "lost".to_owned(), at: at(60) }
}

/// Scenario: accounts set, replaced and removed, a token used, a node joined; then a restart.
/// Guarantees: the same state before and after; a replaced account keeps its age.
#[test]
fn the_state_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    for change in [
        account("王工", Role::Engineer, "$argon2id$a", 1),
        account("李主任", Role::Approver, "$argon2id$b", 2),
        account("王工", Role::SystemAdmin, "$argon2id$c", 3),
        token("t1"),
        token("t2"),
        joined("db-1", "0a", 4),
        revoked("db-1"),
    ] {
        settings.record(change).unwrap();
    }
    let name = "李主任".to_owned();
    settings.record(Change::AccountRemoved { name, at: at(5) }).unwrap();
    let secret = SecretDigest([7; 32]);
    settings.consume_token("t1", &secret, at(9), &node("db-1")).unwrap();
    let before = settings.state().clone();
    assert_eq!(before.accounts.len(), 1);
    let kept = &before.accounts["王工"];
    assert_eq!((kept.role, kept.created), (Role::SystemAdmin, at(1)));
    assert_eq!((before.tokens["t1"].used, before.tokens["t2"].used), (Some(at(9)), None));
    assert!(before.nodes[&node("db-1")].revoked);
    drop(settings);
    assert_eq!(*open(dir.path()).unwrap().state(), before);
}

/// Scenario: every state of a token, and the instants around its end. Guarantees: each refusal has its own name and
/// changes nothing; a second use is refused, also after a restart.
#[test]
fn a_token_is_good_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    settings.record(token("t1")).unwrap();
    let (right, wrong) = (SecretDigest([7; 32]), SecretDigest([8; 32]));
    let consume =
        |settings: &mut SettingsLog, id: &str, secret: &SecretDigest, secs, name: &str| {
            settings.consume_token(id, secret, at(secs), &node(name))
        };
    assert!(matches!(consume(&mut settings, "t0", &right, 5, "db-1"), Err(TokenError::Unknown)));
    assert!(matches!(
        consume(&mut settings, "t1", &wrong, 5, "db-1"),
        Err(TokenError::WrongSecret)
    ));
    assert!(matches!(
        consume(&mut settings, "t1", &right, 5, "db-2"),
        Err(TokenError::WrongNode(_))
    ));
    for late in [100, 101] {
        let expired = consume(&mut settings, "t1", &right, late, "db-1");
        assert!(matches!(expired, Err(TokenError::Expired(t)) if t == at(100)), "{late}");
    }
    consume(&mut settings, "t1", &right, 99, "db-1").unwrap();
    for secs in [99, 101] {
        let again = consume(&mut settings, "t1", &right, secs, "db-1");
        assert!(matches!(again, Err(TokenError::Used(t)) if t == at(99)), "{secs}");
    }
    // Who does not know the secret is not told that it was used.
    assert!(matches!(
        consume(&mut settings, "t1", &wrong, 99, "db-1"),
        Err(TokenError::WrongSecret)
    ));
    drop(settings);
    let mut settings = open(dir.path()).unwrap();
    assert!(matches!(consume(&mut settings, "t1", &right, 99, "db-1"), Err(TokenError::Used(_))));
    let id = "t1".to_owned();
    let direct = settings.record(Change::TokenUsed { id, at: at(99) });
    assert!(matches!(direct, Err(SettingsError::Refused(Refused::TokenUsed(..)))));
}

/// Scenario: a token taken back before it was used. Guarantees: it is refused by name and cannot be used nor taken back again.
#[test]
fn a_token_that_was_taken_back_is_good_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    settings.record(token("t1")).unwrap();
    let revoke = Change::TokenRevoked { id: "t1".to_owned(), at: at(8) };
    settings.record(revoke.clone()).unwrap();
    let used = settings.consume_token("t1", &SecretDigest([7; 32]), at(9), &node("db-1"));
    assert!(matches!(used, Err(TokenError::Revoked(t)) if t == at(8)), "{used:?}");
    let again = settings.record(revoke);
    assert!(matches!(again, Err(SettingsError::Refused(Refused::TokenRevoked(..)))), "{again:?}");
}

/// Scenario: a node joins, renews, is revoked, and joins anew. Guarantees: a certificate is admitted only while its
/// node is, and never again once shut out.
#[test]
fn a_revoked_certificate_stays_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    let admitted = |settings: &SettingsLog| -> Vec<&str> {
        let serials = ["0a", "0b", "0c"];
        serials.into_iter().filter(|s| settings.state().admits(&node("db-1"), s)).collect()
    };
    for (change, expected) in [
        (joined("db-1", "0a", 1), vec!["0a"]),
        (renewed("db-1", "0b"), vec!["0a", "0b"]),
        (revoked("db-1"), vec![]),
        (joined("db-1", "0c", 70), vec!["0c"]),
    ] {
        settings.record(change).unwrap();
        assert_eq!(admitted(&settings), expected);
    }
    assert!(!settings.state().admits(&node("db-2"), "0c"), "another node's certificate");
    drop(settings);
    let settings = open(dir.path()).unwrap();
    assert_eq!(admitted(&settings), ["0c"]);
}

fn client(serial: &str, account: &str) -> Change {
    let (cert_serial, account) = (serial.to_owned(), account.to_owned());
    Change::ClientIssued { cert_serial, account, expires: at(500), at: at(5) }
}

/// Scenario: a program's certificate while its account is disabled, enabled, removed and made anew, and while the certificate is
/// revoked. Guarantees: each state has its own refusal; neither a revoked certificate nor one of a removed account comes back.
#[test]
fn a_client_is_good_while_it_and_its_account_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    let noc = || "noc".to_owned();
    let revoke = |serial: &str| Change::ClientRevoked {
        cert_serial: serial.to_owned(),
        reason: "lost".to_owned(),
        at: at(60),
    };
    let add = || account("noc", Role::Viewer, "$x", 1);
    for (change, expected) in [
        (add(), [Err(ClientRefused::Unknown); 2]),
        (client("0a", "noc"), [Ok(()), Err(ClientRefused::Unknown)]),
        (client("0b", "noc"), [Ok(()), Ok(())]),
        (revoke("0a"), [Err(ClientRefused::Revoked(at(60))), Ok(())]),
        (
            Change::AccountDisabled { name: noc(), at: at(61) },
            [Err(ClientRefused::Revoked(at(60))), Err(ClientRefused::Disabled)],
        ),
        (
            Change::AccountEnabled { name: noc(), at: at(62) },
            [Err(ClientRefused::Revoked(at(60))), Ok(())],
        ),
        (
            Change::AccountRemoved { name: noc(), at: at(63) },
            [Err(ClientRefused::Revoked(at(60))), Err(ClientRefused::Revoked(at(63)))],
        ),
        (add(), [Err(ClientRefused::Revoked(at(60))), Err(ClientRefused::Revoked(at(63)))]),
    ] {
        settings.record(change.clone()).unwrap();
        let found = ["0a", "0b"].map(|s| settings.state().admits_client("noc", s).map(drop));
        assert_eq!(found, expected, "{change:?}");
    }
    assert_eq!(settings.state().admits_client("li", "0b"), Err(ClientRefused::Unknown));
    let before = settings.state().clone();
    drop(settings);
    assert_eq!(*open(dir.path()).unwrap().state(), before);
}

/// Scenario: changes that do not fit the state. Guarantees: refused by name, and nothing is written.
#[test]
fn changes_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    settings.record(token("t1")).unwrap();
    settings.record(joined("db-1", "0a", 1)).unwrap();
    settings.record(joined("db-2", "0b", 1)).unwrap();
    settings.record(revoked("db-2")).unwrap();
    let before = settings.state().clone();
    let long = "名".repeat(65);
    let gone = || "nobody".to_owned();
    for change in [
        account("", Role::Viewer, "$x", 1),
        account(&long, Role::Viewer, "$x", 1),
        account(" a", Role::Viewer, "$x", 1),
        account("a\nb", Role::Viewer, "$x", 1),
        account("a", Role::Viewer, "plain", 1),
        Change::AccountRemoved { name: gone(), at: at(1) },
        token("t1"),
        Change::TokenUsed { id: gone(), at: at(1) },
        Change::TokenUsed { id: "t1".to_owned(), at: at(100) },
        joined("db-3", "0a", 1),
        joined("db-3", "0b", 1),
        renewed("db-3", "0c"),
        renewed("db-2", "0c"),
        revoked("db-3"),
        revoked("db-2"),
        Change::AccountDisabled { name: gone(), at: at(1) },
        Change::TokenRevoked { id: gone(), at: at(1) },
        client("0d", "nobody"),
        Change::ClientRevoked { cert_serial: gone(), reason: String::new(), at: at(1) },
        Change::NodeRevoked { identity: node("db-1"), reason: "x".repeat(501), at: at(1) },
    ] {
        let refused = settings.record(change.clone());
        assert!(matches!(refused, Err(SettingsError::Refused(_))), "{change:?}");
    }
    assert_eq!(*settings.state(), before);
    drop(settings);
    assert_eq!(*open(dir.path()).unwrap().state(), before);
    let name = "名".repeat(64);
    let mut settings = open(dir.path()).unwrap();
    settings.record(account(&name, Role::Viewer, "$x", 1)).unwrap();
}

/// Scenario: a change damaged on disk, then one cut short. Guarantees: the first refuses to open, since it may be a
/// revocation; the second was never acknowledged and is cut.
#[test]
fn damage_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = open(dir.path()).unwrap();
    settings.record(joined("db-1", "0a", 1)).unwrap();
    settings.record(revoked("db-1")).unwrap();
    drop(settings);
    let file = dir.path().join("settings/00000000000000000001.seg");
    let sound = fs::read(&file).unwrap();
    for back in [3, sound.len() - 60] {
        let mut bytes = sound.clone();
        let at = bytes.len() - back;
        bytes[at] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert!(open(dir.path()).is_err(), "{back}");
    }
    fs::write(&file, &sound[..sound.len() - 1]).unwrap();
    let settings = open(dir.path()).unwrap();
    assert!(settings.state().admits(&node("db-1"), "0a"));
}

/// Scenario: secrets printed for a log line. Guarantees: they are not in it.
#[test]
fn secrets_are_not_printed() {
    let change = account("a", Role::Viewer, "$argon2id$secret", 1);
    let text = format!("{change:?} {:?}", token("t"));
    assert!(!text.contains("argon2id") && !text.contains("07"), "{text}");
}
