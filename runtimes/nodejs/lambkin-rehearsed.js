// Stands in for a function's code where a start is rehearsed.
exports.handler = async (event) => event;
