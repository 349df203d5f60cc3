use super::*;
use crate::metric::gauge;
use shared_model::Unit;

const DAY: f64 = 86_400.0;

static IDLE: Metric = gauge("wardround_test_account_idle_seconds", Unit::Seconds, "", "");

fn look(account: &str, in_session: bool, count: Option<i64>) -> Look {
    Look { account: account.into(), in_session, count }
}

/// Scenario: an account over two looks, with every kind of witness, a day and longer apart. Guarantees: a session or a counter that
/// moved is a use; a counter that stands still proves that there was none, however long nobody looked; without one only the time in
/// which somebody looked counts; a counter that began anew proves nothing while it is 0.
#[test]
fn a_use_is_seen_and_none_is_made_up() {
    for (apart, in_session, before, after, idle) in [
        (1.0, false, None, None, 1.0),
        (1.0, true, None, None, 0.0),
        (1.001, false, None, None, 0.0),
        (91.0, false, Some(3), Some(3), 91.0),
        (91.0, false, Some(3), Some(4), 0.0),
        (91.0, true, Some(3), Some(3), 0.0),
        (91.0, false, Some(3), Some(0), 0.0),
        (1.0, false, Some(3), Some(0), 1.0),
        (1.0, false, Some(3), Some(1), 0.0),
        (1.0, false, None, Some(5), 1.0),
        (1.0, false, Some(5), None, 1.0),
        (-5.0, false, Some(3), Some(3), 0.0),
    ] {
        let (mut book, begin) = (Book::default(), 100.0 * DAY);
        book.enter(begin, [look("app", false, before)]);
        let now = begin + apart * DAY;
        book.enter(now, [look("app", in_session, after)]);
        let (seconds, _) = book.idle(now)[0];
        assert!(
            (seconds / DAY - idle).abs() < 1e-9,
            "{apart} {in_session} {before:?} {after:?}: {seconds}"
        );
    }
}

/// Scenario: looks on each of 91 days at an account without a counter, another one that was dropped and made again meanwhile.
/// Guarantees: days in which somebody looked add up; a new account begins anew; those idle for 30 days and more are named, longest
/// first.
#[test]
fn days_add_up() {
    let mut logins = Logins::open(Path::new("/nowhere"), "test", "1", false);
    for day in 0..=91 {
        let again = (day != 50).then(|| look("again", false, None));
        let looks = [look("legacy", false, None), look("app", day == 91, None)];
        logins.look(f64::from(day) * DAY, looks.into_iter().chain(again)).unwrap();
    }
    let mut sink = Sink::default();
    sink.begin();
    logins.put(&IDLE, &mut sink);
    assert_eq!(sink.samples()[0].value(), Some(91.0 * DAY));
    let lines: Vec<&str> = sink.shown()[0].lines.iter().map(|line| &**line).collect();
    assert_eq!(lines, ["91 d: legacy", "40 d: again"]);
}

/// Scenario: a book that is written, read by the next start, read without being kept, and one that is damaged. Guarantees: what was
/// seen is known again, a name becomes no path, a damaged book is begun anew and says nothing before its first look.
#[test]
fn the_book_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logins");
    let open = |keeps| Logins::open(&folder, "postgres", "/run/../x:5432", keeps);
    let mut first = open(true);
    first.look(DAY, [look("app", false, Some(1))]).unwrap();
    if let Some(writing) = first.writing.take() {
        writing.join().unwrap().unwrap();
    }
    let mut again = open(false);
    again.look(91.0 * DAY, [look("app", false, Some(1))]).unwrap();
    assert_eq!(again.book.idle(91.0 * DAY), [(90.0 * DAY, "app")]);
    let file = folder.join("postgres-_run_.._x_5432.json");
    let on_disk = read(&file).unwrap().unwrap();
    assert_eq!(on_disk.looked, Some(DAY), "it is written only where it is kept");
    fs::write(&file, b"{").unwrap();
    let damaged = open(true);
    assert_eq!(damaged.book, Book::default());
    let mut sink = Sink::default();
    sink.begin();
    damaged.put(&IDLE, &mut sink);
    assert!(sink.samples().is_empty());
}
