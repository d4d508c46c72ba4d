package tuning

// Level is how much is tuned.
const Level = 2
