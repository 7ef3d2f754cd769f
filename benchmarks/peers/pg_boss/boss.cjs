// pg-boss on the database that libpq's variables name.
const PgBoss = require("pg-boss");

module.exports = function boss() {
  const made = new PgBoss({
    host: process.env.PGHOST,
    port: Number(process.env.PGPORT),
    user: process.env.PGUSER,
    database: process.env.PGDATABASE,
  });
  made.on("error", (error) => console.error(error));
  return made;
};
