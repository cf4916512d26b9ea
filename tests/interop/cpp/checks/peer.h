// What every check is given: clients of the server, and what it asks of it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "calculator.grpc.pb.h"
#include "checks.h"
#include "telemetry.grpc.pb.h"

struct Peer {
  explicit Peer(std::shared_ptr<grpc::Channel> channel);

  // The status, and the result.
  std::pair<grpc::Status, int32_t> Add(int32_t a, int32_t b) const;
  std::pair<grpc::Status, int32_t> Subtract(int32_t a, int32_t b) const;

  // The answer, of a call that succeeds.
  telemetry::Point Latest(const telemetry::Query& query) const;

  // What a client stream of these points is answered with.
  std::pair<grpc::Status, telemetry::Summary> Upload(const std::vector<telemetry::Point>& points,
                                                     Call& call) const;

  // Waits until the call that is named has reached the state.
  void Becomes(const std::string& name, const std::string& state) const;

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<calculator::Calculator::Stub> calculator_stub;
  std::unique_ptr<telemetry::Telemetry::Stub> telemetry_stub;
};

// A function that checks something, and its name.
struct Check {
  std::string name;
  void (*run)(const Peer&);
};

extern const std::vector<Check> kCallsAndSizes;
extern const std::vector<Check> kEnds;

telemetry::Query MakeQuery(const std::string& series, uint32_t limit = 0);

// The messages that are left in a stream.
template <typename Stream>
std::vector<telemetry::Point> Collect(Stream& stream) {
  std::vector<telemetry::Point> points;
  for (telemetry::Point point; stream.Read(&point);) points.push_back(point);
  return points;
}

template <typename Stream>
int64_t NextCount(Stream& stream) {
  telemetry::Point point;
  EXPECT(stream.Read(&point) && point.has_count());
  return point.count();
}
