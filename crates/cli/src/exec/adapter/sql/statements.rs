//! SQL, cut into statements, with what each could do at worst as far as its
//! text says.
//!
//! Every character of the text is in one of the statements, so that nothing
//! runs that is not shown. What cannot be read counts as not understood.

mod cut;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Ident, Merge, MergeAction, ObjectName,
    ObjectType, Select, Set, Statement as Parsed, TableFactor, Visit as _, Visitor,
    visit_expressions,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use vidimus_policy::HARMLESS_FUNCTIONS;
use vidimus_protocol::action::{Statement, StatementClass};

use cut::{Piece, cut};

/// Reads an argument of `-c`: but for a backslash in front, the server gets it
/// as it stands.
pub(super) fn of_argument(sql: &str) -> Result<Vec<Statement>, String> {
    if sql.trim_start().starts_with('\\') {
        return Err(own_command());
    }
    Ok(read(sql))
}

/// Reads a file or standard input, of which `psql` itself reads commands and
/// variables. Where a backslash stands in a string is for its lexer to say, by
/// the server's settings, so there may be none.
pub(super) fn of_script(sql: &str) -> Result<Vec<Statement>, String> {
    if sql.contains(['\\', '\0']) {
        return Err(own_command());
    }
    let variable = match cut(sql) {
        Some(pieces) => pieces.iter().any(|piece| piece.variable),
        None => cut::may_hold_a_variable(sql),
    };
    if variable {
        return Err("there is a variable of `psql`'s in it (a colon and a name), and what stands for it cannot be shown: write what it stands for".into());
    }
    Ok(read(sql))
}

fn own_command() -> String {
    "there is a backslash in it, and so perhaps a command of `psql`'s own, and what that does cannot be shown. Leave it out, or hold all of it as a plain command with `--plain`".into()
}

fn read(sql: &str) -> Vec<Statement> {
    match cut(sql) {
        Some(pieces) => pieces.iter().filter_map(judge).collect(),
        None => vec![not_understood(sql)],
    }
}

fn not_understood(text: &str) -> Statement {
    Statement {
        class: StatementClass::Unknown,
        plan: None,
        tables: Vec::new(),
        text: trimmed(text).to_owned(),
        whole_table: false,
    }
}

/// Without the blanks that are PostgreSQL's; others are letters to it.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| matches!(c, ' ' | '\t'..='\r' | ';'))
}

/// `None` for what holds nothing.
fn judge(piece: &Piece<'_>) -> Option<Statement> {
    if trimmed(piece.text).is_empty() {
        return None;
    }
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &piece.code).unwrap_or_default();
    let [statement] = parsed.as_slice() else {
        return Some(not_understood(piece.text));
    };
    let mut seen = Seen {
        class: StatementClass::Read,
        tables: BTreeSet::new(),
        whole_table: false,
    };
    let _all = statement.visit(&mut seen);
    if piece.dollar_quoted {
        seen.class = StatementClass::Unknown;
    }
    Some(Statement {
        class: seen.class,
        plan: None,
        tables: seen.tables.into_iter().collect(),
        text: trimmed(piece.text).to_owned(),
        whole_table: seen.whole_table,
    })
}

/// The worst of all that stands in a statement: common table expressions may
/// write, and functions may do anything.
struct Seen {
    class: StatementClass,
    tables: BTreeSet<String>,
    whole_table: bool,
}

impl Seen {
    fn at_least(&mut self, class: StatementClass) -> ControlFlow<()> {
        self.class = self.class.max(class);
        ControlFlow::Continue(())
    }

    fn unknown_if(&mut self, unknown: bool) -> ControlFlow<()> {
        let class = match unknown {
            true => StatementClass::Unknown,
            false => StatementClass::Read,
        };
        self.at_least(class)
    }
}

impl Visitor for Seen {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Parsed) -> ControlFlow<()> {
        self.whole_table |= whole_table(statement);
        self.at_least(class(statement))
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        match select.into {
            Some(_) => self.at_least(StatementClass::Schema),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.tables.insert(name.to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.unknown_if(match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => false,
            TableFactor::Table { name, .. } => !harmless(name),
            _ => true,
        })
    }

    /// What is taken for an alias in single quotes is a value of the type that
    /// stands in front of it.
    fn pre_visit_ident(&mut self, name: &Ident) -> ControlFlow<()> {
        self.unknown_if(name.quote_style == Some('\''))
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.unknown_if(match expression {
            Expr::Function(function) => !harmless(&function.name),
            Expr::BinaryOp { op, .. } => matches!(
                op,
                BinaryOperator::Custom(_) | BinaryOperator::PGCustomBinaryOperator(_)
            ),
            Expr::Cast { data_type, .. } => own_type(data_type),
            _ => false,
        })
    }
}

/// Whether a type may be somebody's own, whose conversion is a function.
fn own_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Custom(..) => true,
        DataType::Array(ArrayElemTypeDef::SquareBracket(of, _)) => own_type(of),
        _ => false,
    }
}

fn class(statement: &Parsed) -> StatementClass {
    match statement {
        Parsed::Query(_)
        | Parsed::Explain { .. }
        | Parsed::ExplainTable { .. }
        | Parsed::ShowVariable { .. }
        | Parsed::ShowTables { .. } => StatementClass::Read,
        Parsed::StartTransaction { .. }
        | Parsed::Commit { .. }
        | Parsed::Rollback { .. }
        | Parsed::Savepoint { .. }
        | Parsed::ReleaseSavepoint { .. } => StatementClass::Session,
        Parsed::Set(set) => of_set(set),
        Parsed::Merge(merge) if deletes(merge) => StatementClass::Delete,
        Parsed::Insert(_) | Parsed::Update(_) | Parsed::Merge(_) => StatementClass::Write,
        Parsed::Delete(_) | Parsed::Truncate(_) => StatementClass::Delete,
        Parsed::Grant(_)
        | Parsed::Revoke(_)
        | Parsed::CreateRole(_)
        | Parsed::AlterRole { .. }
        | Parsed::Drop {
            object_type: ObjectType::Role | ObjectType::User,
            ..
        } => StatementClass::Permission,
        Parsed::CreateTable(_)
        | Parsed::CreateIndex(_)
        | Parsed::CreateView(_)
        | Parsed::CreateSchema { .. }
        | Parsed::CreateSequence { .. }
        | Parsed::AlterTable(_)
        | Parsed::AlterIndex { .. }
        | Parsed::AlterView { .. }
        | Parsed::Drop { .. } => StatementClass::Schema,
        _ => StatementClass::Unknown,
    }
}

fn deletes(merge: &Merge) -> bool {
    let mut clauses = merge.clauses.iter();
    clauses.any(|clause| matches!(clause.action, MergeAction::Delete { .. }))
}

fn of_set(set: &Set) -> StatementClass {
    match set {
        Set::SetRole { .. } | Set::SetSessionAuthorization(_) => StatementClass::Permission,
        Set::SingleAssignment { variable, .. } => {
            let name = variable.to_string().to_lowercase();
            match name.trim_matches('"') {
                "role" | "session_authorization" => StatementClass::Permission,
                _ => StatementClass::Session,
            }
        }
        Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetTransaction { .. } => {
            StatementClass::Session
        }
        _ => StatementClass::Unknown,
    }
}

fn harmless(name: &ObjectName) -> bool {
    let name = name.to_string().to_lowercase();
    HARMLESS_FUNCTIONS.contains(&name.as_str())
}

fn whole_table(statement: &Parsed) -> bool {
    match statement {
        Parsed::Update(update) => takes_all(update.selection.as_ref()),
        Parsed::Delete(delete) => takes_all(delete.selection.as_ref()),
        Parsed::Truncate(_) => true,
        _ => false,
    }
}

/// Whether a condition is the same for all rows: it names no column.
fn takes_all(selection: Option<&Expr>) -> bool {
    let names_one = |expression: &Expr| match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    selection.is_none_or(|selection| visit_expressions(selection, names_one).is_continue())
}

#[cfg(test)]
mod tests;
