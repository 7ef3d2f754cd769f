// Makes the calls.
const { Worker } = require("bullmq");
const { post } = require("./call.cjs");

const worker = new Worker("calls", (job) => post(job.data.n), {
  connection: { path: process.env.REDIS_SOCKET, maxRetriesPerRequest: null },
  concurrency: 200,
});
worker.on("error", (error) => console.error(error));
worker.waitUntilReady().then(() => console.log("ready"));
