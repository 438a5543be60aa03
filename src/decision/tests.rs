use super::*;

impl Rulebook {
    /// The policy of a configuration that has one.
    pub(crate) fn only(&self) -> Rc<Policy> {
        let mut demands = self.routes.actions();
        match (demands.next(), demands.next()) {
            (Some(Demand::Policy { requirement, .. }), None) if requirement.policies.len() == 1 => {
                Rc::clone(&requirement.policies[0])
            }
            other => panic!("{other:?}"),
        }
    }
}
