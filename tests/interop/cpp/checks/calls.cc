// Calls that succeed: numbers, every kind of value, all four kinds of call; and large messages, below and above the
// limit of 4 MiB that both sides have by default.

#include <google/protobuf/util/message_differencer.h>

#include <future>
#include <limits>

#include "checks/peer.h"
#include "scenarios.h"

using google::protobuf::util::MessageDifferencer;
using grpc::Status;
using grpc::StatusCode;
using telemetry::Point;
using telemetry::Query;

namespace {

constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
constexpr size_t kMebibyte = 1 << 20;

void NumbersAreAddedAndSubtracted(const Peer& peer) {
  const std::vector<std::pair<int32_t, int32_t>> sums = {{5, 3},    {-5, 3},      {0, 0},
                                                         {kMax, 0}, {kMin, kMax}, {kMin, 0}};
  for (const auto& [a, b] : sums) {
    const auto [status, result] = peer.Add(a, b);
    Succeeds(status);
    EXPECT(result == a + b);
  }
  const std::vector<std::pair<int32_t, int32_t>> differences = {
      {10, 4}, {-10, -4}, {4, 10}, {kMin, 0}, {-1, kMax}, {-1, kMin}};
  for (const auto& [a, b] : differences) {
    const auto [status, result] = peer.Subtract(a, b);
    Succeeds(status);
    EXPECT(result == a - b);
  }
}

void AHundredCallsRunAtOnce(const Peer& peer) {
  std::vector<std::future<std::pair<Status, int32_t>>> calls;
  for (int a = 0; a < 100; ++a) {
    calls.push_back(std::async(std::launch::async, [&peer, a] { return peer.Add(a, 1); }));
  }
  for (int a = 0; a < 100; ++a) {
    const auto [status, result] = calls[a].get();
    Succeeds(status);
    EXPECT(result == a + 1);
  }
}

void UnaryCallsAreAnswered(const Peer& peer) {
  Query query = MakeQuery("room");
  (*query.mutable_labels())["floor"] = "2";
  (*query.mutable_labels())["größe"] = "1 µm";
  Point expected;
  expected.set_series("room");
  *expected.mutable_labels() = query.labels();
  expected.set_number(21.5);
  expected.set_quality(Point::QUALITY_GOOD);
  EXPECT(MessageDifferencer::Equals(peer.Latest(query), expected));
  Call call;
  Point last;
  Succeeds(peer.telemetry_stub->Last(&call, query, &last));
  EXPECT(MessageDifferencer::Equals(last, expected));
}

void EveryKindOfValueArrives(const Peer& peer) {
  Call call;
  const auto stream = peer.telemetry_stub->Watch(&call, MakeQuery("kinds"));
  const std::vector<Point> points = Collect(*stream), expected = Kinds();
  Succeeds(stream->Finish());
  EXPECT(points.size() == expected.size());
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT(MessageDifferencer::Equals(points[i], expected[i]));
  }
}

void ServerStreamsArriveInOrder(const Peer& peer) {
  for (const uint32_t limit : {1000, 0}) {
    Call call;
    const auto stream = peer.telemetry_stub->Watch(&call, MakeQuery("counts", limit));
    for (uint32_t count = 0; count < limit; ++count) EXPECT(NextCount(*stream) == count);
    EXPECT(Collect(*stream).empty());
    Succeeds(stream->Finish());
  }
}

void ClientStreamsAreSummedUp(const Peer& peer) {
  std::vector<Point> points(1000);
  for (int i = 0; i < 1000; ++i) {
    const int n = i - 500;
    points[i].set_series(n % 2 == 0 ? "even" : "odd");
    points[i].set_number(n / 2.0);
    points[i].mutable_time()->set_seconds(n);
  }
  Call call;
  const auto [status, summary] = peer.Upload(points, call);
  Succeeds(status);
  EXPECT(summary.accepted() == 1000);
  EXPECT(summary.accepted_by_series().size() == 2);
  EXPECT(summary.accepted_by_series().at("even") == 500);
  EXPECT(summary.accepted_by_series().at("odd") == 500);
  EXPECT(summary.minimum() == -250 && summary.maximum() == 249.5);
  EXPECT(summary.span().seconds() == 999);
}

void EmptyClientStreamsAreAnswered(const Peer& peer) {
  Call call;
  const auto [status, summary] = peer.Upload({}, call);
  Succeeds(status);
  EXPECT(summary.accepted() == 0 && !summary.has_minimum() && !summary.has_span());
}

void BidirectionalStreamsPlayPingPong(const Peer& peer) {
  Call call;
  const auto stream = peer.telemetry_stub->Tail(&call);
  for (int n = 0; n < 100; ++n) {
    EXPECT(stream->Write(MakeQuery("ball", n)));
    EXPECT(NextCount(*stream) == n);
  }
  stream->WritesDone();
  EXPECT(Collect(*stream).empty());
  Succeeds(stream->Finish());
}

void EmptyBidirectionalStreamsEnd(const Peer& peer) {
  Call call;
  const auto stream = peer.telemetry_stub->Tail(&call);
  stream->WritesDone();
  EXPECT(Collect(*stream).empty());
  Succeeds(stream->Finish());
}

Point Large(size_t size) {
  Point point;
  point.set_series("large");
  point.set_raw(std::string(size, '\0'));
  return point;
}

void LargeMessagesArrive(const Peer& peer) {
  const Point point = peer.Latest(MakeQuery("large", 3 * kMebibyte));
  EXPECT(point.raw() == std::string(3 * kMebibyte, '\0'));
  Call call;
  const auto [status, summary] = peer.Upload({Large(3 * kMebibyte)}, call);
  Succeeds(status);
  EXPECT(summary.accepted() == 1);
}

void ResponsesOverTheLimitAreRefusedByTheClient(const Peer& peer) {
  Call call;
  Point point;
  FailsWith(StatusCode::RESOURCE_EXHAUSTED,
            peer.telemetry_stub->Latest(&call, MakeQuery("large", 5 * kMebibyte), &point));
}

void RequestsOverTheLimitAreRefusedByTheServer(const Peer& peer) {
  Call call;
  FailsWith(StatusCode::RESOURCE_EXHAUSTED, peer.Upload({Large(5 * kMebibyte)}, call).first);
}

}  // namespace

const std::vector<Check> kCallsAndSizes = {
    {"numbers are added and subtracted", NumbersAreAddedAndSubtracted},
    {"a hundred calls run at once", AHundredCallsRunAtOnce},
    {"unary calls are answered", UnaryCallsAreAnswered},
    {"every kind of value arrives", EveryKindOfValueArrives},
    {"server streams arrive in order", ServerStreamsArriveInOrder},
    {"client streams are summed up", ClientStreamsAreSummedUp},
    {"empty client streams are answered", EmptyClientStreamsAreAnswered},
    {"bidirectional streams play ping pong", BidirectionalStreamsPlayPingPong},
    {"empty bidirectional streams end", EmptyBidirectionalStreamsEnd},
    {"large messages arrive", LargeMessagesArrive},
    {"responses over the limit are refused by the client",
     ResponsesOverTheLimitAreRefusedByTheClient},
    {"requests over the limit are refused by the server",
     RequestsOverTheLimitAreRefusedByTheServer},
};
