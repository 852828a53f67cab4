// Turns durations in words into milliseconds: its package comes from package.json.
const ms = require('ms');

exports.handler = async (event) => {
  const durations = Object.fromEntries(event.durations.map((text) => [text, ms(text)]));
  console.info('stage', process.env.STAGE, durations);
  return durations;
};
