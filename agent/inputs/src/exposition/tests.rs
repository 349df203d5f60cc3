//! What is read of the text format, and what is refused.

use super::line::{Line, parse};
use super::*;
use proptest::prelude::*;

fn sample(line: &str) -> String {
    match parse(line) {
        Ok(Line::Sample(sample)) => {
            let labels: Vec<_> =
                sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} [{}] {} {:?}", sample.name, labels.join("|"), sample.value, sample.millis)
        }
        Ok(other) => format!("{other:?}"),
        Err(expected) => format!("expected {expected}"),
    }
}

/// Scenario: every form of a line. Guarantees: what the format allows is read exactly, what it does not is refused with what
/// was expected.
#[test]
fn lines_are_read_or_refused() {
    for (line, read) in [
        ("up 1", "up [] 1 None"),
        ("up{} 1.5e3\r", "up [] 1500 None"),
        ("  a:b{c=\"d\"} -0.5 1700000000123", "a:b [c=d] -0.5 Some(1700000000123)"),
        ("a { c = \"d\" , e=\"\" , } 2", "a [c=d|e=] 2 None"),
        (r#"a{p="C:\\x\"\n"} 2"#, "a [p=C:\\x\"\n] 2 None"),
        ("a{x=\"},\"} 2", "a [x=},] 2 None"),
        ("a{x=\"磁盘\"} +Inf", "a [x=磁盘] inf None"),
        ("a_bucket{le=\"+Inf\"} 3 # {t=\"x\"} 0.1 1.5", "a_bucket [le=+Inf] 3 None"),
        ("a 1 1.5", "a [] 1 Some(1500)"),
        ("a NaN", "a [] NaN None"),
        ("# TYPE a counter", "Type { name: \"a\", kind: \"counter\" }"),
        ("# HELP a words", "Nothing"),
        ("# EOF", "Nothing"),
        ("", "Nothing"),
        ("a", "expected a value behind the name"),
        ("a{", "expected '=' behind a label's name"),
        ("a{b=\"c\"", "expected ',' or '}' behind a label"),
        ("a{b=\"c} 1", "expected a closing quote"),
        ("a{b=\"c\" d=\"e\"} 1", "expected ',' or '}' behind a label"),
        ("a{b=c} 1", "expected a quoted label value"),
        ("a{b=\"\\x\"} 1", "expected \\\\, \\\" or \\n behind a backslash"),
        ("a{b=\"1\",b=\"2\"} 1", "expected each label once"),
        ("a{__name__=\"b\"} 1", "expected a label name"),
        ("9a 1", "expected a metric name"),
        ("a x", "expected a number as the value"),
        ("a 0x10", "expected a number as the value"),
        ("a 1 x", "expected a time stamp behind the value"),
        ("a 1 2 3", "expected nothing behind the time stamp"),
        ("<html> 1", "expected a metric name"),
    ] {
        assert_eq!(sample(line), read, "{line:?}");
    }
}

async fn read_all(body: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut complaints, mut taken) = (Complaints::default(), Vec::new());
    read(body, "x", &mut complaints, |sample, kind, line, _| {
        taken.push(format!("{line} {} {kind:?} {}", sample.name, sample.value));
    })
    .await;
    let complaints = match complaints.outcome() {
        agent_probe::Outcome::Partial(all) => all.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    (taken, complaints)
}

/// Scenario: families of every type. Guarantees: each sample behaves as its family says; without a type it is a gauge.
#[tokio::test]
async fn families_say_how_values_behave() {
    let body = b"# TYPE c counter\nc 1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 3\n\
        # TYPE o counter\no_total 4\n# TYPE i info\ni_info 1\n# TYPE u untyped\nu 5\nbare_total 6\n# TYPE s summary\ns 7\ns_sum 8\n";
    let (taken, complaints) = read_all(body).await;
    let expected = [
        "2 c Counter 1",
        "4 h_bucket Counter 1",
        "5 h_sum Counter 2",
        "6 h_count Counter 3",
        "8 o_total Counter 4",
        "10 i_info Info 1",
        "12 u Gauge 5",
        "13 bare_total Gauge 6",
        "15 s Gauge 7",
        "16 s_sum Counter 8",
    ];
    assert_eq!((taken, complaints), (expected.map(str::to_owned).to_vec(), Vec::new()));
}

/// Scenario: bad lines between good ones: not UTF-8, too long, half a line at the end. Guarantees: each is a complaint with
/// its number, the good ones are read.
#[tokio::test]
async fn a_bad_line_loses_no_other() {
    let mut body = b"a 1\n\xff\xfe 2\nb 2\n".to_vec();
    body.extend(vec![b'x'; MAX_LINE_BYTES + 1]);
    body.extend(b"\nc 3\nd{e=\"f");
    let (taken, complaints) = read_all(&body).await;
    assert_eq!(taken, ["1 a Gauge 1", "3 b Gauge 2", "5 c Gauge 3"]);
    assert_eq!(
        complaints,
        [
            "x:2: expected UTF-8",
            "x:4: expected a line of at most 64 KiB",
            "x:6: expected a closing quote"
        ]
    );
}

/// Some twenty seconds in the long form.
fn cases() -> u32 {
    if std::env::var("WARDROUND_TESTS").as_deref() == Ok("long") { 100_000 } else { 256 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Scenario: any bytes. Guarantees: no panic; each line is a sample, a comment or one complaint.
    #[test]
    fn any_bytes_are_read(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (taken, complaints) = runtime.block_on(read_all(&body));
        let lines = body.split(|b| *b == b'\n').count();
        prop_assert!(taken.len() + complaints.len() <= lines);
    }

    /// Scenario: a sample written as the format asks. Guarantees: read back exactly.
    #[test]
    fn what_is_written_is_read(value in any::<f64>(), label in "[^\u{0}]{0,20}") {
        let escaped = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let line = format!("a{{b=\"{escaped}\"}} {value:?}");
        if let Ok(Line::Sample(sample)) = parse(&line) {
            prop_assert_eq!(sample.label("b"), Some(label.as_str()));
            prop_assert!(sample.value.to_bits() == value.to_bits() || value.is_nan());
        } else {
            prop_assert!(false, "{}", line);
        }
    }
}
