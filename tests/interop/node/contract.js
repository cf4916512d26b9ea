// The contracts in proto/, made into JavaScript when this module is imported.

import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const protos = fileURLToPath(new URL("../../../proto", import.meta.url));
const load = (file) =>
  grpc.loadPackageDefinition(
    loader.loadSync(file, {
      includeDirs: [protos],
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    }),
  );

export const { calculator } = load("calculator.proto");
export const { telemetry } = load("telemetry.proto");
export const { greeter } = load("greeter.proto");

/** The status of a call that fails as README.md says. */
export const ERROR_MESSAGE = "100 % naïve: 日本語\nmore";
export const ERROR_DETAILS = Buffer.from([0x00, 0x01, 0xfe, 0xff]);

/** One point with each kind of value; src/scenarios and python/scenarios.py have the same. */
export const kinds = [
  { number: -0.5 },
  { count: "-9223372036854775808" },
  { text: "naïve 日本語" },
  { raw: Buffer.from([0x00, 0xff, 0x80]) },
  {
    histogram: {
      buckets: [
        { upper_bound: 1.5, count: "18446744073709551615" },
        { upper_bound: Infinity, count: "0" },
      ],
      sum: -1e300,
    },
  },
].map((value) => ({
  series: "kinds",
  time: { seconds: "981173106", nanos: 789000000 },
  labels: { größe: "1 µm", "": "" },
  quality: "QUALITY_BAD",
  ...value,
}));
