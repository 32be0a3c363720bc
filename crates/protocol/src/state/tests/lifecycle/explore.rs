//! Breadth first through every world that a scene leads to.
//!
//! Our own hundred lines and not `stateright`: each world here has a state of
//! the reducer beside it that is no part of the world, what is *refused* is
//! looked at as well, and "an end can be reached from everywhere" is no
//! property that `stateright` checks (its `eventually` is about every path, and
//! overlooks cycles). It would bring a web server besides.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::mem::{discriminant, replace};

use super::promises::{self, STUCK, UNEXPLAINED};
use super::rules::{Next, Rules};
use super::world::{Step, World};

/// What goes along with the model through every step.
pub(super) trait Companion: Sized {
    /// Takes a step that leads to that world.
    ///
    /// # Errors
    /// Says how it disagrees.
    fn take(
        &self,
        step: Step,
        after: &World,
        next: Next,
        rules: &Rules<'_>,
    ) -> Result<Self, String>;

    /// Looks at steps that the model refuses.
    ///
    /// # Errors
    /// Says how it disagrees.
    fn refuse(&self, steps: &[Step]) -> Result<(), String>;
}

/// The model alone.
impl Companion for () {
    fn take(&self, _: Step, _: &World, _: Next, _: &Rules<'_>) -> Result<(), String> {
        Ok(())
    }

    fn refuse(&self, _: &[Step]) -> Result<(), String> {
        Ok(())
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) worlds: usize,
    pub(super) taken: usize,
    pub(super) refused: usize,
    /// One step of each sort, how often it was taken, and how often refused.
    pub(super) steps: Vec<(Step, usize, usize)>,
    /// By how an action stands: in how many worlds.
    pub(super) ends: BTreeMap<String, usize>,
}

/// What went wrong, and the shortest way there.
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) way: Vec<Step>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after {:#?}", self.what, self.way)
    }
}

/// Where a world was first reached from.
struct Origin {
    from: usize,
    by: Step,
}

#[derive(Default)]
struct Graph {
    origins: Vec<Option<Origin>>,
    /// From, to.
    edges: Vec<(usize, usize)>,
    at_rest: Vec<bool>,
    /// Worlds in which an action may still run, by action.
    may_run: Vec<Vec<bool>>,
    /// Worlds in which an action can be redeemed at once.
    redeems: Vec<Vec<usize>>,
}

/// Everything that can follow, in every order, with a companion at each world.
///
/// # Errors
/// The first promise that is broken, or disagreement with the companion.
pub(super) fn explore<C: Companion>(rules: &Rules<'_>, companion: C) -> Result<Explored, Failure> {
    let mut explored = Explored::default();
    let mut graph = Graph::default();
    let mut numbers = HashMap::new();
    let mut waiting = VecDeque::new();
    let first = World::first(rules.scene);
    graph.add(rules, &first, None);
    numbers.insert(first.clone(), 0);
    waiting.push_back((0, first, companion));
    while let Some((number, world, companion)) = waiting.pop_front() {
        explored.see(&world);
        let failed = |graph: &Graph, what: String, step: Option<Step>| Failure {
            what,
            way: graph.way(number).into_iter().chain(step).collect(),
        };
        promises::all_count(rules, &world).map_err(|broken| failed(&graph, broken.into(), None))?;
        let mut refused = Vec::new();
        for step in world.tries(rules.scene) {
            let Some((after, next)) = rules.step(&world, step) else {
                explored.count(step, false);
                refused.push(step);
                continue;
            };
            if world.is_beyond(rules.scene, step) {
                continue;
            }
            explored.count(step, true);
            let beside = companion
                .take(step, &after, next, rules)
                .map_err(|what| failed(&graph, what, Some(step)))?;
            promises::kept(rules.scene, &world, step, &after)
                .map_err(|broken| failed(&graph, broken.into(), Some(step)))?;
            let to = match numbers.entry(after) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let to = graph.add(
                        rules,
                        new.key(),
                        Some(Origin {
                            from: number,
                            by: step,
                        }),
                    );
                    waiting.push_back((to, new.key().clone(), beside));
                    *new.insert(to)
                }
            };
            graph.edges.push((number, to));
            if let Step::Redeem(action) = step {
                graph.redeems[action].push(number);
            }
        }
        companion
            .refuse(&refused)
            .map_err(|what| failed(&graph, what, None))?;
        promises::can_stop(rules, &world).map_err(|broken| failed(&graph, broken.into(), None))?;
    }
    graph.check()?;
    Ok(explored)
}

impl Explored {
    fn count(&mut self, step: Step, taken: bool) {
        let sort = discriminant(&step);
        let known = (self.steps.iter()).position(|(known, ..)| discriminant(known) == sort);
        let at = known.unwrap_or_else(|| {
            self.steps.push((step, 0, 0));
            self.steps.len() - 1
        });
        let count = &mut self.steps[at];
        if taken {
            count.1 += 1;
            self.taken += 1;
        } else {
            count.2 += 1;
            self.refused += 1;
        }
    }

    fn see(&mut self, world: &World) {
        self.worlds += 1;
        for known in &world.actions {
            let end = match known.end {
                None => "Pending".into(),
                Some(_) if known.completed => "Completed".into(),
                Some(_) if known.redeemed > 0 => "Redeemed".into(),
                Some(end) => format!("{end:?}"),
            };
            *self.ends.entry(end).or_default() += 1;
        }
    }
}

impl Graph {
    fn add(&mut self, rules: &Rules<'_>, world: &World, origin: Option<Origin>) -> usize {
        self.origins.push(origin);
        self.at_rest.push(promises::is_at_rest(world));
        self.may_run.resize_with(rules.scene.actions, Vec::new);
        self.redeems.resize_with(rules.scene.actions, Vec::new);
        for (number, may_run) in self.may_run.iter_mut().enumerate() {
            let known = world.actions.get(number);
            may_run
                .push(known.is_none_or(|known| promises::may_still_run(rules.scene, world, known)));
        }
        self.origins.len() - 1
    }

    /// The steps that lead to a world.
    fn way(&self, mut number: usize) -> Vec<Step> {
        let mut way = Vec::new();
        while let Some(origin) = &self.origins[number] {
            way.push(origin.by);
            number = origin.from;
        }
        way.reverse();
        way
    }

    /// An end can be reached from everywhere, and what can still run may.
    fn check(&self) -> Result<(), Failure> {
        let mut before = vec![Vec::new(); self.origins.len()];
        for (from, to) in &self.edges {
            before[*to].push(*from);
        }
        let fails = |what: &str, at: Option<usize>| match at {
            Some(number) => Err(Failure {
                what: what.into(),
                way: self.way(number),
            }),
            None => Ok(()),
        };
        let rest = (0..self.at_rest.len()).filter(|number| self.at_rest[*number]);
        let ends = leads_to(&before, rest.collect());
        fails(STUCK, ends.iter().position(|ends| !ends))?;
        for (redeems, may_run) in self.redeems.iter().zip(&self.may_run) {
            let runs = leads_to(&before, redeems.clone());
            let mut both = runs.iter().zip(may_run);
            fails(UNEXPLAINED, both.position(|(runs, may)| *runs && !may))?;
        }
        Ok(())
    }
}

/// From where any of these worlds can be reached.
fn leads_to(before: &[Vec<usize>], mut waiting: Vec<usize>) -> Vec<bool> {
    let mut reached = vec![false; before.len()];
    while let Some(number) = waiting.pop() {
        if !replace(&mut reached[number], true) {
            waiting.extend(&before[number]);
        }
    }
    reached
}
