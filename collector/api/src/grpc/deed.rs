//! Acts in the messages of `wardround.noc.v1`.

use collector_domain::{Category, Deed, Disputed, Request};
use proto::noc::wire;
use proto::noc::wire::act_request::Deed as Wire;
use shared_model::{Labels, Level, Timestamp};
use tonic::Status;

/// The deed that was asked for.
pub(super) fn deed(deed: Option<Wire>) -> Result<Deed, Status> {
    let deed = deed.ok_or_else(|| Status::invalid_argument("deed: say what is done"))?;
    Ok(match deed {
        Wire::Acknowledge(_) => Deed::Acknowledge,
        Wire::DispatchEngineer(engineer) => Deed::Dispatch { engineer },
        Wire::Arrive(_) => Deed::Arrive,
        Wire::ConfirmCore(_) => Deed::ConfirmCore,
        Wire::ResolveFix(fix) => Deed::Resolve { fix },
        Wire::Verify(_) => Deed::Verify,
        Wire::ReopenReason(reason) => Deed::Reopen { reason },
        Wire::Ask(ask) => Deed::Ask { request: request(ask.request)?, reason: ask.reason },
        Wire::Consent(_) => Deed::Consent,
        Wire::DeclineReason(reason) => Deed::Decline { reason },
        Wire::Separate(wire::Separate { rule, subject, reason }) => {
            let pairs = subject.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Deed::Separate { rule: rule.into(), subject: Labels::from_pairs(pairs), reason }
        }
        Wire::Dispute(dispute) => {
            let about = disputed(dispute.about())
                .ok_or_else(|| Status::invalid_argument("dispute.about: say what is doubted"))?;
            Deed::Dispute { about, statement: dispute.statement }
        }
        Wire::SettleDisputeOutcome(outcome) => Deed::SettleDispute { outcome },
        Wire::Diagnose(diagnosis) => {
            let category = category(diagnosis.category())
                .ok_or_else(|| Status::invalid_argument("diagnose.category: say which"))?;
            Deed::Diagnose { category, root_cause: diagnosis.root_cause }
        }
        Wire::Prevent(wire::Prevention { measure, owner, due_us }) => {
            Deed::Prevent { measure, owner, due: Timestamp::from_micros(due_us) }
        }
        Wire::BackUp(wire::Backup { reference, waived }) => Deed::BackUp { reference, waived },
        Wire::NoteText(text) => Deed::Note { text },
        Wire::Sign(_) => Deed::Sign,
    })
}

fn request(request: Option<wire::ask::Request>) -> Result<Request, Status> {
    use wire::ask::Request as Wire;
    Ok(match request {
        None => return Err(Status::invalid_argument("ask.request: say what is asked for")),
        Some(Wire::Cancel(_)) => Request::Cancel,
        Some(Wire::MergeInto(id)) => {
            Request::Merge { into: super::incidents::number("ask.merge_into", &id)? }
        }
        Some(Wire::LowerTo(level)) => {
            let level = u8::try_from(level).ok().and_then(|n| Level::try_from(n).ok());
            let level = level
                .ok_or_else(|| Status::invalid_argument("ask.lower_to: a level from 1 to 4"))?;
            Request::Lower { level }
        }
    })
}

fn disputed(about: wire::Disputed) -> Option<Disputed> {
    Some(match about {
        wire::Disputed::Unspecified => return None,
        wire::Disputed::Start => Disputed::Start,
        wire::Disputed::Response => Disputed::Response,
        wire::Disputed::Arrival => Disputed::Arrival,
        wire::Disputed::CoreRestored => Disputed::CoreRestored,
        wire::Disputed::Resolution => Disputed::Resolution,
        wire::Disputed::Level => Disputed::Level,
        wire::Disputed::Other => Disputed::Other,
    })
}

fn category(category: wire::Category) -> Option<Category> {
    Some(match category {
        wire::Category::Unspecified => return None,
        wire::Category::Startup => Category::Startup,
        wire::Category::Connection => Category::Connection,
        wire::Category::Data => Category::Data,
        wire::Category::Performance => Category::Performance,
        wire::Category::Hardware => Category::Hardware,
        wire::Category::Storage => Category::Storage,
        wire::Category::Network => Category::Network,
        wire::Category::Backup => Category::Backup,
        wire::Category::Security => Category::Security,
        wire::Category::Other => Category::Other,
    })
}
