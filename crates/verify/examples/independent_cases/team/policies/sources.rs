//! Right policies that look at everything there is.

/// By name.
pub(super) const RIGHT: &[(&str, &str)] = &[
    (
        "starter, personal",
        include_str!("../../../../../policy/src/starter/personal.cedar"),
    ),
    (
        "starter, team",
        include_str!("../../../../../policy/src/starter/team.cedar"),
    ),
    (
        "by effect",
        r#"
@id("reads") @people("1") permit (principal, action == Vidimus::Action::"propose", resource) when { context.effects.contains("read") };
@id("writes") @ttl("30m") @use("2h") @why("writing waits") permit (principal, action == Vidimus::Action::"propose", resource) when { context.effects.contains("write") };
@id("worse") @reason("required") @ttl("90s") @use("45s") @separate("2d")
permit (principal, action == Vidimus::Action::"propose", resource) when { context.effects.containsAny(["destructive", "permission"]) };
@id("nobody-knows") @assurance("device-bound") permit (principal, action == Vidimus::Action::"propose", resource) when { context.effects.contains("unknown") };
@id("pure") @why("it only reads") permit (principal, action == Vidimus::Action::"release", resource) when { context.effects == ["read"] };
@id("d") permit (principal, action == Vidimus::Action::"decide", resource);
"#,
    ),
    (
        "by facts",
        r#"
@id("p") permit (principal, action == Vidimus::Action::"propose", resource);
@id("as-root") @why("root is not for agents") forbid (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.root };
@id("as-root-too") forbid (principal, action == Vidimus::Action::"propose", resource) when { context has file && context.file.root };
@id("line") @reason("required") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "systemctl restart*" && context.command.args.contains("restart") };
@id("place") @ttl("1h") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.cwd == "/srv" && context.command.user == "ada" && context.command.program like "/usr/*" };
@id("named") @ttl("70m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.name == "psql" && !context.command.env.contains("LD_PRELOAD") };
@id("push") @ttl("2m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has git && (context.git.rewrites || context.git.deletes) && context.git.remote like "ssh://*" };
@id("main") @ttl("3m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has git && context.git.refs.contains("refs/heads/main") };
@id("file") @ttl("4m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has file && (context.file.creates || context.file.path like "/etc/*") && context.file.user != "root" };
@id("json") @ttl("5m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has json && (context.json.removes || context.json.operation == "resize") };
@id("sql") @ttl("6m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has sql && context.sql.whole_table && context.sql.classes.contains("delete") && context.sql.tables.containsAll(["carts"]) };
@id("sql-shop") @use("6m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has sql.database && context.sql.database like "*/shop" };
@id("plan") @ttl("7m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has terraform && context.terraform.replaces + context.terraform.deletes > 0 && context.terraform.types.contains("aws_db") };
@id("plan-small") @use("7m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has terraform && context.terraform.creates < 1 && context.terraform.updates == 1 && context.terraform.addresses.contains("aws_instance.web") };
@id("tool") @ttl("8m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has tool && context.tool.server like "npx*" && context.tool.tool == "pay" };
@id("r") @why("no worry") permit (principal, action == Vidimus::Action::"release", resource) when { context has json && context.json.removes };
@id("r2") permit (principal, action == Vidimus::Action::"release", resource) when { context has json };
@id("never-push") forbid (principal, action == Vidimus::Action::"release", resource) when { context has git };
@id("push-goes") permit (principal, action == Vidimus::Action::"release", resource) when { context has git };
@id("d") permit (principal, action == Vidimus::Action::"decide", resource) when { !(context has git) };
@id("d2") permit (principal, action == Vidimus::Action::"decide", resource) when { context.kind == "git.push" || context.kind == "sql" };
"#,
    ),
    (
        "by people, target and time",
        r#"
@id("p") permit (principal is Vidimus::Agent, action == Vidimus::Action::"propose", resource is Vidimus::Target);
@id("coder") @ttl("1h") permit (principal, action == Vidimus::Action::"propose", resource) when { principal.name == "coder" && context.agent == principal };
@id("owner") @ttl("50m") permit (principal, action == Vidimus::Action::"propose", resource)
when { principal.owner.name == "Ada" && principal.owner.administrator && principal.owner.reviewer && principal.owner.identity like "*" };
@id("of-group") @ttl("40m") permit (principal in Vidimus::Group::"builders", action == Vidimus::Action::"propose", resource);
@id("local") @ttl("30m") permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::Environment::"local");
@id("target") @ttl("20m") permit (principal, action == Vidimus::Action::"propose", resource == Vidimus::Target::"staging/database/db-1");
@id("odd-target") @ttl("19m") permit (principal, action == Vidimus::Action::"propose", resource == Vidimus::Target::"a%2Fb%25/c%2Fd/e/f%");
@id("system") @ttl("18m") permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::System::"c/d")
when { resource.system == "c/d" && resource.environment == "a/b%" && resource.resource == "e/f%" };
@id("saturday") @reason("required") permit (principal, action == Vidimus::Action::"propose", resource) when { context.weekday == 6 };
@id("morning") @use("3m") permit (principal, action == Vidimus::Action::"propose", resource)
when { context.time.toTime() < duration("12h") && context.time >= datetime("2026-11-21T09:30:00.000Z") };
@id("first") @use("2m") permit (principal, action == Vidimus::Action::"propose", resource) when { context.first_of_kind };
@id("many") @use("1m") permit (principal, action == Vidimus::Action::"propose", resource) when { context.last_hour > 3 || context.last_hour_of_kind == 2 };
@id("run") @assurance("device-bound") permit (principal, action == Vidimus::Action::"propose", resource) when { context has run && context.run == "nightly-42" };
@id("d-sre") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);
@id("d-name") permit (principal is Vidimus::Person, action == Vidimus::Action::"decide", resource)
when { ["Ada", "Ben"].contains(principal.name) && context.weekday == 6 };
@id("d-owner") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal == context.agent.owner && context.agent in Vidimus::Group::"builders" };
@id("d-no") forbid (principal, action == Vidimus::Action::"decide", resource) when { context.kind == "mcp.tool_call" };
"#,
    ),
    (
        "that fails",
        r#"
@id("p") permit (principal, action == Vidimus::Action::"propose", resource);
@id("overflow") permit (principal, action == Vidimus::Action::"propose", resource) when { context.last_hour * 9223372036854775807 > 5 };
@id("overflow-2") forbid (principal, action == Vidimus::Action::"propose", resource) when { context.last_hour_of_kind * 9223372036854775807 > 5 };
@id("r") permit (principal, action == Vidimus::Action::"release", resource) when { context.last_hour < 3 };
@id("r-overflow") forbid (principal, action == Vidimus::Action::"release", resource) when { (1 - context.last_hour) * 9223372036854775807 < -9 };
@id("d") permit (principal, action == Vidimus::Action::"decide", resource);
@id("d-overflow") forbid (principal, action == Vidimus::Action::"decide", resource) when { context.last_hour * 9223372036854775807 < 0 };
"#,
    ),
    (
        "fails at release",
        r#"
@id("p") permit (principal, action == Vidimus::Action::"propose", resource);
@id("r") permit (principal, action == Vidimus::Action::"release", resource);
@id("r-overflow") permit (principal, action == Vidimus::Action::"release", resource) when { context.last_hour * 9223372036854775807 > 5 };
@id("a-overflow") forbid (principal, action == Vidimus::Action::"release", resource) when { context.last_hour * 9223372036854775807 > 5 };
@id("d") permit (principal, action == Vidimus::Action::"decide", resource);
"#,
    ),
    (
        "forbids several",
        r#"
@id("p") permit (principal, action == Vidimus::Action::"propose", resource);
@id("r") permit (principal, action == Vidimus::Action::"release", resource);
@id("d") permit (principal, action == Vidimus::Action::"decide", resource);
@id("all") @why("no pushes") forbid (principal, action, resource) when { context has git };
@id("two") forbid (principal, action in [Vidimus::Action::"release", Vidimus::Action::"decide"], resource) when { context has sql };
@id("one") @why("first; \"quoted\"") forbid (principal, action in [Vidimus::Action::"propose"], resource) when { context has tool };
@id("one-more") forbid (principal, action in Vidimus::Action::"propose", resource) when { context has tool };
"#,
    ),
];
