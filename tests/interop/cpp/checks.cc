#include "checks.h"

#include <iostream>
#include <thread>

#include "checks/peer.h"

using grpc::Status;
using grpc::StatusCode;
using telemetry::Point;
using telemetry::Query;
using telemetry::Summary;

void Succeeds(const Status& status) {
  if (status.ok()) return;
  throw std::runtime_error("status " + std::to_string(status.error_code()) + ", " +
                           status.error_message());
}

void FailsWith(StatusCode code, const Status& status) {
  if (status.error_code() == code) return;
  throw std::runtime_error("status " + std::to_string(status.error_code()) + ", " +
                           status.error_message() + ", instead of " + std::to_string(code));
}

bool Report(const std::string& name, const std::function<void()>& check) {
  try {
    check();
    std::cout << "ok " << name << std::endl;
    return true;
  } catch (const std::exception& problem) {
    std::cout << "FAILED " << name << ": " << problem.what() << std::endl;
    return false;
  }
}

Query MakeQuery(const std::string& series, uint32_t limit) {
  Query query;
  query.set_series(series);
  query.set_limit(limit);
  return query;
}

Peer::Peer(std::shared_ptr<grpc::Channel> to)
    : channel(to),
      calculator_stub(calculator::Calculator::NewStub(to)),
      telemetry_stub(telemetry::Telemetry::NewStub(to)) {}

std::pair<Status, int32_t> Peer::Add(int32_t a, int32_t b) const {
  calculator::AddRequest request;
  request.set_a(a);
  request.set_b(b);
  calculator::AddResponse response;
  Call call;
  const Status status = calculator_stub->Add(&call, request, &response);
  return {status, response.result()};
}

std::pair<Status, int32_t> Peer::Subtract(int32_t a, int32_t b) const {
  calculator::SubtractRequest request;
  request.set_a(a);
  request.set_b(b);
  calculator::SubtractResponse response;
  Call call;
  const Status status = calculator_stub->Subtract(&call, request, &response);
  return {status, response.result()};
}

Point Peer::Latest(const Query& query) const {
  Call call;
  Point point;
  Succeeds(telemetry_stub->Latest(&call, query, &point));
  return point;
}

std::pair<Status, Summary> Peer::Upload(const std::vector<Point>& points, Call& call) const {
  Summary summary;
  const auto stream = telemetry_stub->Upload(&call, &summary);
  for (const Point& point : points) {
    if (!stream->Write(point)) break;
  }
  stream->WritesDone();
  const Status status = stream->Finish();
  return {status, summary};
}

void Peer::Becomes(const std::string& name, const std::string& state) const {
  Query query = MakeQuery("state");
  (*query.mutable_labels())["call"] = name;
  std::string seen;
  for (int tries = 0; tries < 200; ++tries) {
    seen = Latest(query).text();
    if (seen == state) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  throw std::runtime_error("call " + name + " is " + seen + ", not " + state);
}

namespace {

bool RunEach(const std::vector<Check>& checks, const Peer& peer) {
  bool passed = true;
  for (const Check& check : checks) {
    passed &= Report(check.name, [&] { check.run(peer); });
  }
  return passed;
}

}  // namespace

bool CheckCallsAndSizes(std::shared_ptr<grpc::Channel> channel) {
  return RunEach(kCallsAndSizes, Peer(std::move(channel)));
}

bool CheckAll(std::shared_ptr<grpc::Channel> channel) {
  const Peer peer(std::move(channel));
  const bool passed = RunEach(kCallsAndSizes, peer);
  return RunEach(kEnds, peer) && passed;
}
