//! Errors as people and programs receive them: RFC 9457 `application/problem+json`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::time::Duration;

/// Declares the codes with their status and titles, so that a code cannot exist without them.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $status:ident $zh:literal $en:literal;)*) => {
        /// The stable code of a problem.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            fn parts(self) -> (&'static str, StatusCode, &'static str) {
                match self {
                    $(Self::$name => ($code, StatusCode::$status, concat!($zh, " / ", $en)),)*
                }
            }
        }
    };
}

codes! {
    InvalidQuery = "invalid_query" BAD_REQUEST "查询参数无效" "Invalid query parameters";
    InvalidPath = "invalid_path" BAD_REQUEST "路径无效" "Invalid path";
    InvalidJson = "invalid_json" BAD_REQUEST "不是有效的 JSON" "Not valid JSON";
    InvalidForm = "invalid_form" BAD_REQUEST "表单无效" "Invalid form";
    /// Well-formed, but not what the route takes.
    InvalidBody = "invalid_body" UNPROCESSABLE_ENTITY "请求内容无效" "Invalid request body";
    /// A text that an act needs is missing.
    Required = "required" UNPROCESSABLE_ENTITY "缺少必填内容" "A required text is missing";
    UnsupportedMediaType = "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "内容类型不支持" "Unsupported media type";
    BodyTooLarge = "body_too_large" PAYLOAD_TOO_LARGE "请求内容过大" "Request body too large";
    NotSignedIn = "not_signed_in" UNAUTHORIZED "未登录或会话已过期" "Not signed in, or the session has ended";
    WrongCredentials = "wrong_credentials" UNAUTHORIZED "用户名或密码错误" "Wrong name or password";
    LoginLocked = "login_locked" TOO_MANY_REQUESTS "登录失败次数过多，暂时锁定" "Locked after too many failed logins";
    CrossSite = "cross_site" FORBIDDEN "跨站请求被拒绝" "Cross-site request refused";
    RoleMayNotAct = "role_may_not_act" FORBIDDEN "该角色无权操作" "This role may not act on incidents";
    RoleMayNotRead = "role_may_not_read" FORBIDDEN "该角色无权查看" "This role may not read this";
    NotFound = "not_found" NOT_FOUND "没有这个路径" "No such path";
    MethodNotAllowed = "method_not_allowed" METHOD_NOT_ALLOWED "不支持该方法" "Method not allowed";
    IncidentUnknown = "incident_unknown" NOT_FOUND "没有这个故障" "No such incident";
    SilenceUnknown = "silence_unknown" NOT_FOUND "没有这个静默" "No such silence";
    SilenceEnded = "silence_ended" CONFLICT "静默已结束" "The silence has ended";
    TooManySilences = "too_many_silences" CONFLICT "静默过多" "Too many silences";
    ChangeUnknown = "change_unknown" NOT_FOUND "没有这个变更" "No such planned change";
    WrongState = "wrong_state" CONFLICT "当前状态下不能操作" "Not possible in the incident's state";
    StillBreached = "still_breached" CONFLICT "检查仍未恢复正常" "The check is not normal yet";
    Changed = "changed" PRECONDITION_FAILED "故障已被他人更新" "Somebody else changed the incident";
    NotAllowed = "not_allowed" CONFLICT "不允许这样操作" "Not allowed";
    NotReady = "not_ready" SERVICE_UNAVAILABLE "采集中心尚未就绪" "The collector is not ready";
    Unavailable = "unavailable" SERVICE_UNAVAILABLE "暂时不可用" "Temporarily unavailable";
    Overloaded = "overloaded" SERVICE_UNAVAILABLE "请求过多" "Too many requests at once";
    RequestTimeout = "request_timeout" SERVICE_UNAVAILABLE "处理超时" "The request took too long";
    /// The request was wrong in a way that no other code names.
    BadRequest = "bad_request" BAD_REQUEST "请求无效" "Bad request";
    Internal = "internal" INTERNAL_SERVER_ERROR "内部错误" "Internal error";
}

/// A problem on its way out.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What exactly is wrong with this request, in English; empty when the title says it all.
    detail: String,
    retry_after: Option<Duration>,
}

/// The JSON of RFC 9457 with our `code`.
#[derive(Serialize)]
struct ProblemJson<'a> {
    r#type: String,
    code: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }

    /// Says when trying again makes sense; whole seconds, rounded up.
    pub(crate) fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.code.parts().1
    }

    /// The title in both languages, for the login page.
    pub(crate) fn title(&self) -> &'static str {
        self.code.parts().2
    }

    /// Title and detail in English, for the audit log.
    pub(crate) fn english(&self) -> String {
        let title = self.title().rsplit(" / ").next().unwrap_or_default();
        match self.detail.as_str() {
            "" => title.to_owned(),
            detail => format!("{title}: {detail}"),
        }
    }

    /// Title and detail in one line, for answers that are not problem+json.
    pub(crate) fn sentence(&self) -> String {
        match self.detail.as_str() {
            "" => self.title().to_owned(),
            detail => format!("{}: {detail}", self.title()),
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, "")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status, title) = self.code.parts();
        let body = ProblemJson {
            r#type: format!("urn:wardround:problem:{code}"),
            code,
            title,
            status: status.as_u16(),
            detail: &self.detail,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(span) = self.retry_after {
            let secs = span.as_secs() + u64::from(span.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs.max(1)));
        }
        response
    }
}

/// Turns error answers that the framework made by itself (wrong method, body over the limit, timeout) into problems. Our own
/// answers carry a content type of ours and pass; headers such as `Allow` are kept.
pub(crate) async fn complete(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_ours(&response) {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::SERVICE_UNAVAILABLE => Code::RequestTimeout,
        status if status.is_client_error() => Code::BadRequest,
        _ => Code::Internal,
    };
    let mut problem = Problem::from(code).into_response();
    for (name, value) in response.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

fn is_ours(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|k| k.to_str().ok()).unwrap_or("");
    ["application/problem+json", "application/json", "text/html"]
        .iter()
        .any(|ours| kind.starts_with(ours))
}
