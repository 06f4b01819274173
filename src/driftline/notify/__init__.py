"""From alert events to people: routes, silences, subscriptions, deliveries and receivers."""
