//! The login page.

use super::html::Html;
use collector_domain::Text;

/// The form. `problem` says why the last try failed.
pub(crate) fn login_page(hospital: &Text, problem: Option<&str>) -> String {
    let mut html = Html::page("登录 · 巡诊 Wardround", None);
    html.raw("<main class=\"login\">\n<h1>巡诊 <small lang=\"en\">Wardround</small></h1>\n<p class=\"hospital\">")
        .both(&hospital.zh, &hospital.en)
        .raw("</p>\n");
    if let Some(problem) = problem {
        html.raw("<p class=\"problem\" role=\"alert\">").text(problem).raw("</p>\n");
    }
    html.raw(
        "<form method=\"post\" action=\"/login\">\n\
         <label for=\"name\">用户名 <small lang=\"en\">Name</small></label>\n\
         <input id=\"name\" name=\"name\" autocomplete=\"username\" maxlength=\"64\" required autofocus>\n\
         <label for=\"password\">密码 <small lang=\"en\">Password</small></label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
         <button type=\"submit\">登录 <span lang=\"en\">Sign in</span></button>\n\
         </form>\n</main>\n",
    );
    html.finish()
}
