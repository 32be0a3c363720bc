//! SQL, cut into statements, with what each could do at worst.
//!
//! Every character of the text is in one of the statements, so that nothing
//! runs that is not shown. What cannot be read counts as not understood.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ObjectName, Query, SetExpr, Statement as Parsed, visit_expressions, visit_relations,
    visit_statements,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use vidimus_protocol::action::{Statement, StatementClass};

/// Reads SQL.
pub(super) fn read(sql: &str) -> Result<Vec<Statement>, String> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() else {
        // Even where a string or comment is not closed, a backslash shows.
        if sql.contains('\\') {
            return Err(own_command());
        }
        return Ok(vec![not_understood(sql)]);
    };
    if tokens.iter().any(|one| one.token == Token::Backslash) {
        return Err(own_command());
    }
    let statements = cut(sql, &tokens).into_iter().filter_map(|(text, tokens)| {
        let blank = tokens
            .iter()
            .all(|one| matches!(one.token, Token::Whitespace(_)));
        (!blank || text.contains(['-', '/'])).then(|| judge(text, tokens))
    });
    Ok(statements.flatten().collect())
}

fn own_command() -> String {
    "there is a command of `psql`'s own in it (a backslash), and what it does cannot be shown. Leave it out, or hold all of it as a plain command with `--plain`".into()
}

fn not_understood(text: &str) -> Statement {
    Statement {
        class: StatementClass::Unknown,
        plan: None,
        tables: Vec::new(),
        text: text.trim().to_owned(),
        whole_table: false,
    }
}

/// The text at its semicolons.
fn cut<'a>(sql: &'a str, tokens: &'a [TokenWithSpan]) -> Vec<(&'a str, &'a [TokenWithSpan])> {
    let starts = line_starts(sql);
    let mut cut = Vec::new();
    let (mut from, mut first) = (0, 0);
    for (at, one) in tokens.iter().enumerate() {
        if one.token == Token::SemiColon {
            let to = offset(sql, &starts, one.span.start);
            cut.push((&sql[from..to], &tokens[first..at]));
            (from, first) = ((to + 1).min(sql.len()), at + 1);
        }
    }
    cut.push((&sql[from..], &tokens[first..]));
    cut
}

fn line_starts(sql: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(sql.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

/// Lines and columns count from 1, columns in characters.
fn offset(sql: &str, starts: &[usize], place: Location) -> usize {
    let index = |number: u64| {
        usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let start = starts.get(index(place.line)).copied().unwrap_or(sql.len());
    let mut rest = sql[start..].char_indices();
    rest.nth(index(place.column))
        .map_or(sql.len(), |(at, _)| start + at)
}

/// `None` for what holds nothing but comments.
fn judge(text: &str, tokens: &[TokenWithSpan]) -> Option<Statement> {
    let blank = tokens
        .iter()
        .all(|one| matches!(one.token, Token::Whitespace(_)));
    if blank && text.trim().is_empty() {
        return None;
    }
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap_or_default();
    let [statement] = parsed.as_slice() else {
        return Some(not_understood(text));
    };
    let mut tables = BTreeSet::new();
    let _all = visit_relations(statement, |name: &ObjectName| {
        tables.insert(name.to_string());
        ControlFlow::<()>::Continue(())
    });
    // Common table expressions may write, and functions may do anything; the
    // worst of all that stands in it counts.
    let mut class = class(statement);
    let mut whole_table = whole_table(statement);
    let _all = visit_statements(statement, |inner: &Parsed| {
        class = class.max(self::class(inner));
        whole_table |= self::whole_table(inner);
        ControlFlow::<()>::Continue(())
    });
    if class == StatementClass::Read && writes(statement) {
        class = StatementClass::Unknown;
    }
    Some(Statement {
        class,
        plan: None,
        tables: tables.into_iter().collect(),
        text: text.trim().to_owned(),
        whole_table,
    })
}

fn class(statement: &Parsed) -> StatementClass {
    match statement {
        Parsed::Query(query) => of_query(query),
        Parsed::Explain { analyze: false, .. }
        | Parsed::ExplainTable { .. }
        | Parsed::ShowVariable { .. }
        | Parsed::ShowTables { .. } => StatementClass::Read,
        Parsed::Explain { statement, .. } => class(statement),
        Parsed::StartTransaction { .. }
        | Parsed::Commit { .. }
        | Parsed::Rollback { .. }
        | Parsed::Savepoint { .. }
        | Parsed::ReleaseSavepoint { .. }
        | Parsed::Set(_) => StatementClass::Session,
        Parsed::Insert(_) | Parsed::Update(_) | Parsed::Merge(_) => StatementClass::Write,
        Parsed::Delete(_) | Parsed::Truncate(_) => StatementClass::Delete,
        Parsed::CreateTable(_)
        | Parsed::CreateIndex(_)
        | Parsed::CreateView(_)
        | Parsed::CreateSchema { .. }
        | Parsed::CreateSequence { .. }
        | Parsed::AlterTable(_)
        | Parsed::AlterIndex { .. }
        | Parsed::AlterView { .. }
        | Parsed::Drop { .. } => StatementClass::Schema,
        Parsed::Grant(_) | Parsed::Revoke(_) | Parsed::CreateRole(_) | Parsed::AlterRole { .. } => {
            StatementClass::Permission
        }
        _ => StatementClass::Unknown,
    }
}

fn of_query(query: &Query) -> StatementClass {
    fn of_body(body: &SetExpr) -> StatementClass {
        match body {
            SetExpr::Select(select) if select.into.is_some() => StatementClass::Schema,
            SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => StatementClass::Read,
            SetExpr::Query(query) => of_query(query),
            SetExpr::SetOperation { left, right, .. } => of_body(left).max(of_body(right)),
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => class(inner),
        }
    }
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    let inner = with.map(|table| of_query(&table.query));
    inner.fold(of_body(&query.body), StatementClass::max)
}

/// Functions of PostgreSQL's own that only compute. Any other may do anything.
const HARMLESS: &[&str] = &[
    "abs",
    "array_agg",
    "avg",
    "ceil",
    "coalesce",
    "concat",
    "count",
    "current_database",
    "current_user",
    "date_trunc",
    "extract",
    "floor",
    "format",
    "generate_series",
    "greatest",
    "json_agg",
    "jsonb_agg",
    "least",
    "left",
    "length",
    "lower",
    "max",
    "min",
    "now",
    "nullif",
    "rank",
    "replace",
    "right",
    "round",
    "row_number",
    "string_agg",
    "substring",
    "sum",
    "to_char",
    "trim",
    "upper",
    "version",
];

/// Whether a query calls a function that is not known to be harmless.
fn writes(statement: &Parsed) -> bool {
    let found = visit_expressions(statement, |expression: &Expr| match expression {
        Expr::Function(function) if !harmless(&function.name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn harmless(name: &ObjectName) -> bool {
    let name = name.to_string().to_lowercase();
    HARMLESS.contains(&name.as_str())
}

fn whole_table(statement: &Parsed) -> bool {
    match statement {
        Parsed::Update(update) => update.selection.is_none() && update.from.is_none(),
        Parsed::Delete(delete) => delete.selection.is_none(),
        Parsed::Truncate(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
