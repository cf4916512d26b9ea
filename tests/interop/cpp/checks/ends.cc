// How calls end, besides well: metadata before and after the messages, errors, deadlines, cancellation.

#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <limits>
#include <map>

#include "checks/peer.h"
#include "greeter.grpc.pb.h"
#include "scenarios.h"

using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;
using telemetry::Point;
using telemetry::Query;
using telemetry::Summary;

namespace {

// A query whose call has a name that no other has.
std::pair<std::string, Query> Named(const std::string& series, uint32_t limit = 0) {
  static int number = 0;
  const std::string name = "cpp-" + std::to_string(++number);
  Query query = MakeQuery(series, limit);
  (*query.mutable_labels())["call"] = name;
  return {name, query};
}

void IsTheError(const Status& status) {
  FailsWith(StatusCode::INVALID_ARGUMENT, status);
  EXPECT(status.error_message() == kErrorMessage);
  EXPECT(status.error_details() == kErrorDetails);
}

using Values = std::vector<std::string>;
const Values kText = {"first; value, with = and \"quotes\"", "second value"};

Values Binary() {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  return {all, ""};
}

void Ask(Call& call) {
  for (const std::string& value : kText) call.AddMetadata("x-request", value);
  for (const std::string& value : Binary()) call.AddMetadata("x-request-bin", value);
}

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

Values ValuesOf(const Metadata& metadata, const std::string& key) {
  Values values;
  const auto [begin, end] = metadata.equal_range(key);
  for (auto it = begin; it != end; ++it) values.emplace_back(it->second.data(), it->second.size());
  return values;
}

void HasTrailers(const Call& call) {
  EXPECT(ValuesOf(call.GetServerTrailingMetadata(), "x-trailing") == kText);
  EXPECT(ValuesOf(call.GetServerTrailingMetadata(), "x-trailing-bin") == Binary());
}

void ComesBack(const Call& call) {
  EXPECT(ValuesOf(call.GetServerInitialMetadata(), "x-initial") == kText);
  EXPECT(ValuesOf(call.GetServerInitialMetadata(), "x-initial-bin") == Binary());
  HasTrailers(call);
}

void MetadataOfUnaryCalls(const Peer& peer) {
  Call call;
  Ask(call);
  Point point;
  Succeeds(peer.telemetry_stub->Latest(&call, MakeQuery("room"), &point));
  ComesBack(call);
}

void MetadataOfServerStreams(const Peer& peer) {
  Call call;
  Ask(call);
  const auto stream = peer.telemetry_stub->Watch(&call, MakeQuery("counts", 2));
  EXPECT(Collect(*stream).size() == 2);
  Succeeds(stream->Finish());
  ComesBack(call);
}

void MetadataOfClientStreams(const Peer& peer) {
  Call call;
  Ask(call);
  Point point;
  point.set_series("room");
  Succeeds(peer.Upload({point}, call).first);
  ComesBack(call);
}

void MetadataOfBidirectionalStreams(const Peer& peer) {
  Call call;
  Ask(call);
  const auto stream = peer.telemetry_stub->Tail(&call);
  EXPECT(stream->Write(MakeQuery("ball")));
  stream->WritesDone();
  EXPECT(Collect(*stream).size() == 1);
  Succeeds(stream->Finish());
  ComesBack(call);
}

void MetadataOfErrors(const Peer& peer) {
  Call call;
  Ask(call);
  Point point;
  FailsWith(StatusCode::INVALID_ARGUMENT,
            peer.telemetry_stub->Latest(&call, MakeQuery("error"), &point));
  HasTrailers(call);
}

void OverflowIsOutOfRange(const Peer& peer) {
  FailsWith(StatusCode::OUT_OF_RANGE, peer.Add(std::numeric_limits<int32_t>::max(), 1).first);
  FailsWith(StatusCode::OUT_OF_RANGE, peer.Add(std::numeric_limits<int32_t>::min(), -1).first);
  FailsWith(StatusCode::OUT_OF_RANGE, peer.Subtract(0, std::numeric_limits<int32_t>::min()).first);
}

void UnaryCallsFailWithMessageAndDetails(const Peer& peer) {
  Call call;
  Point point;
  IsTheError(peer.telemetry_stub->Latest(&call, MakeQuery("error"), &point));
}

void ServerStreamsFailAfterMessages(const Peer& peer) {
  Call call;
  const auto stream = peer.telemetry_stub->Watch(&call, MakeQuery("error"));
  EXPECT(NextCount(*stream) == 0);
  EXPECT(NextCount(*stream) == 1);
  EXPECT(Collect(*stream).empty());
  IsTheError(stream->Finish());
}

void ClientStreamsFailBeforeTheyEnd(const Peer& peer) {
  Call call;
  Summary summary;
  const auto stream = peer.telemetry_stub->Upload(&call, &summary);
  Point point;
  point.set_series("error");
  stream->Write(point);
  IsTheError(stream->Finish());
}

void BidirectionalStreamsFailAfterMessages(const Peer& peer) {
  Call call;
  const auto stream = peer.telemetry_stub->Tail(&call);
  EXPECT(stream->Write(MakeQuery("ball", 7)));
  EXPECT(NextCount(*stream) == 7);
  stream->Write(MakeQuery("error"));
  EXPECT(Collect(*stream).empty());
  IsTheError(stream->Finish());
}

void UnknownMethodsAreUnimplemented(const Peer& peer) {
  grpc::TemplatedGenericStub<calculator::AddRequest, calculator::AddResponse> stub(peer.channel);
  Call call;
  calculator::AddRequest request;
  calculator::AddResponse response;
  std::promise<Status> ended;
  stub.UnaryCall(&call, "/calculator.Calculator/Multiply", {}, &request, &response,
                 [&](Status status) { ended.set_value(std::move(status)); });
  FailsWith(StatusCode::UNIMPLEMENTED, ended.get_future().get());
}

void UnknownServicesAreUnimplemented(const Peer& peer) {
  Call call;
  greeter::HelloRequest request;
  greeter::HelloReply reply;
  FailsWith(StatusCode::UNIMPLEMENTED,
            greeter::Greeter::NewStub(peer.channel)->SayHello(&call, request, &reply));
}

void ExpiredDeadlineOfAUnaryCall(const Peer& peer) {
  const auto [name, query] = Named("slow");
  Call call(milliseconds(500));
  Point point;
  FailsWith(StatusCode::DEADLINE_EXCEEDED, peer.telemetry_stub->Latest(&call, query, &point));
  peer.Becomes(name, "dropped");
}

void ExpiredDeadlineInTheMidstOfAStream(const Peer& peer) {
  const auto [name, query] = Named("slow");
  Call call(milliseconds(1000));
  const auto stream = peer.telemetry_stub->Watch(&call, query);
  EXPECT(NextCount(*stream) == 0);
  EXPECT(Collect(*stream).empty());
  FailsWith(StatusCode::DEADLINE_EXCEEDED, stream->Finish());
  peer.Becomes(name, "dropped");
}

void DeadlinesThatHoldChangeNothing(const Peer& peer) {
  const auto [name, query] = Named("room");
  Call call(milliseconds(10'000));
  Point point;
  Succeeds(peer.telemetry_stub->Latest(&call, query, &point));
  peer.Becomes(name, "finished");
}

void CancelledUnaryCallsAreDropped(const Peer& peer) {
  const auto [name, query] = Named("slow");
  Call call;
  Point point;
  auto status = std::async(std::launch::async, [&, query = query] {
    return peer.telemetry_stub->Latest(&call, query, &point);
  });
  peer.Becomes(name, "running");
  call.TryCancel();
  FailsWith(StatusCode::CANCELLED, status.get());
  peer.Becomes(name, "dropped");
}

void CancelledServerStreamsAreDropped(const Peer& peer) {
  const auto [name, query] = Named("endless");
  Call call;
  const auto stream = peer.telemetry_stub->Watch(&call, query);
  for (int count = 0; count < 3; ++count) EXPECT(NextCount(*stream) == count);
  call.TryCancel();
  Collect(*stream);
  FailsWith(StatusCode::CANCELLED, stream->Finish());
  peer.Becomes(name, "dropped");
}

void CancelledClientStreamsAreDropped(const Peer& peer) {
  const auto [name, query] = Named("room");
  Call call;
  Summary summary;
  const auto stream = peer.telemetry_stub->Upload(&call, &summary);
  Point point;
  *point.mutable_labels() = query.labels();
  EXPECT(stream->Write(point));
  peer.Becomes(name, "running");
  call.TryCancel();
  FailsWith(StatusCode::CANCELLED, stream->Finish());
  peer.Becomes(name, "dropped");
}

void CancelledBidirectionalStreamsAreDropped(const Peer& peer) {
  const auto [name, query] = Named("ball", 7);
  Call call;
  const auto stream = peer.telemetry_stub->Tail(&call);
  EXPECT(stream->Write(query));
  EXPECT(NextCount(*stream) == 7);
  call.TryCancel();
  Collect(*stream);
  FailsWith(StatusCode::CANCELLED, stream->Finish());
  peer.Becomes(name, "dropped");
}

}  // namespace

const std::vector<Check> kEnds = {
    {"metadata of unary calls", MetadataOfUnaryCalls},
    {"metadata of server streams", MetadataOfServerStreams},
    {"metadata of client streams", MetadataOfClientStreams},
    {"metadata of bidirectional streams", MetadataOfBidirectionalStreams},
    {"metadata of errors", MetadataOfErrors},
    {"overflow is out of range", OverflowIsOutOfRange},
    {"unary calls fail with message and details", UnaryCallsFailWithMessageAndDetails},
    {"server streams fail after messages", ServerStreamsFailAfterMessages},
    {"client streams fail before they end", ClientStreamsFailBeforeTheyEnd},
    {"bidirectional streams fail after messages", BidirectionalStreamsFailAfterMessages},
    {"unknown methods are unimplemented", UnknownMethodsAreUnimplemented},
    {"unknown services are unimplemented", UnknownServicesAreUnimplemented},
    {"expired deadline of a unary call", ExpiredDeadlineOfAUnaryCall},
    {"expired deadline in the midst of a stream", ExpiredDeadlineInTheMidstOfAStream},
    {"deadlines that hold change nothing", DeadlinesThatHoldChangeNothing},
    {"cancelled unary calls are dropped", CancelledUnaryCallsAreDropped},
    {"cancelled server streams are dropped", CancelledServerStreamsAreDropped},
    {"cancelled client streams are dropped", CancelledClientStreamsAreDropped},
    {"cancelled bidirectional streams are dropped", CancelledBidirectionalStreamsAreDropped},
};
