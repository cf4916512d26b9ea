#include "scenarios.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "calculator.grpc.pb.h"
#include "telemetry.grpc.pb.h"

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using telemetry::Point;
using telemetry::Query;
using telemetry::Summary;
using Labels = google::protobuf::Map<std::string, std::string>;

const std::string kErrorMessage = "100 % naïve: 日本語\nmore";
const std::string kErrorDetails("\x00\x01\xfe\xff", 4);

std::vector<Point> Kinds() {
  std::vector<Point> points(5);
  for (Point& point : points) {
    point.set_series("kinds");
    point.mutable_time()->set_seconds(981173106);
    point.mutable_time()->set_nanos(789000000);
    (*point.mutable_labels())["größe"] = "1 µm";
    (*point.mutable_labels())[""] = "";
    point.set_quality(Point::QUALITY_BAD);
  }
  points[0].set_number(-0.5);
  points[1].set_count(std::numeric_limits<int64_t>::min());
  points[2].set_text("naïve 日本語");
  points[3].set_raw(std::string("\x00\xff\x80", 3));
  Point::Histogram* histogram = points[4].mutable_histogram();
  histogram->set_sum(-1e300);
  Point::Histogram::Bucket* bucket = histogram->add_buckets();
  bucket->set_upper_bound(1.5);
  bucket->set_count(std::numeric_limits<uint64_t>::max());
  histogram->add_buckets()->set_upper_bound(std::numeric_limits<double>::infinity());
  return points;
}

namespace {

constexpr milliseconds kLong(30'000);

// What became of the calls that a client has named.
class Calls {
 public:
  std::string State(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto state = states_.find(name);
    return state == states_.end() ? "unknown" : state->second;
  }

  void Set(const std::string& name, const std::string& state) {
    std::lock_guard<std::mutex> lock(mutex_);
    states_[name] = state;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> states_;
};

std::string NameIn(const Labels& labels) {
  const auto name = labels.find("call");
  return name == labels.end() ? "" : name->second;
}

// A call while its handler runs: it counts as dropped if it was cancelled before the handler has come to an end.
class Followed {
 public:
  Followed(Calls& calls, const ServerContext& context, const Labels& labels)
      : calls_(calls), context_(context), name_(NameIn(labels)) {
    calls_.Set(name_, "running");
  }

  Followed(const Followed&) = delete;

  ~Followed() { calls_.Set(name_, context_.IsCancelled() ? "dropped" : "finished"); }

 private:
  Calls& calls_;
  const ServerContext& context_;
  const std::string name_;
};

// Sleeps until the time is over, or the call is.
void Sleep(const ServerContext& context, milliseconds time) {
  const auto end = steady_clock::now() + time;
  while (!context.IsCancelled() && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(10));
  }
}

// Sends the client's metadata back.
void Echo(ServerContext& context) {
  for (const auto& [key, value] : context.client_metadata()) {
    for (const std::string suffix : {"", "-bin"}) {
      if (key != "x-request" + suffix) continue;
      const std::string text(value.data(), value.size());
      context.AddInitialMetadata("x-initial" + suffix, text);
      context.AddTrailingMetadata("x-trailing" + suffix, text);
    }
  }
}

// Sends the client's metadata back at once: clients may wait for it before they send a message.
template <typename Stream>
void Begin(ServerContext& context, Stream& stream) {
  Echo(context);
  stream.SendInitialMetadata();
}

Status Error() { return {StatusCode::INVALID_ARGUMENT, kErrorMessage, kErrorDetails}; }

Point Count(const std::string& series, int64_t count) {
  Point point;
  point.set_series(series);
  point.set_count(count);
  return point;
}

// How many points a series has.
int64_t Length(const Query& query) {
  if (query.series() == "endless") return std::numeric_limits<int64_t>::max();
  if (query.series() == "slow") return 1;
  if (query.series() == "error") return 2;
  return query.limit();
}

void Add(Summary& summary, const Point& point) {
  summary.set_accepted(summary.accepted() + 1);
  ++(*summary.mutable_accepted_by_series())[point.series()];
  if (!point.has_number()) return;
  const double number = point.number();
  summary.set_minimum(summary.has_minimum() ? std::min(summary.minimum(), number) : number);
  summary.set_maximum(summary.has_maximum() ? std::max(summary.maximum(), number) : number);
}

class Calculator final : public calculator::Calculator::Service {
  Status Add(ServerContext* context, const calculator::AddRequest* request,
             calculator::AddResponse* response) override {
    const auto identity = context->auth_context()->GetPeerIdentity();
    if (!identity.empty()) {
      context->AddInitialMetadata("x-peer", std::string(identity[0].data(), identity[0].size()));
    }
    return InInt32(int64_t{request->a()} + request->b(), *response);
  }

  Status Subtract(ServerContext*, const calculator::SubtractRequest* request,
                  calculator::SubtractResponse* response) override {
    return InInt32(int64_t{request->a()} - request->b(), *response);
  }

  template <typename Response>
  static Status InInt32(int64_t result, Response& response) {
    if (result != static_cast<int32_t>(result)) {
      return {StatusCode::OUT_OF_RANGE, std::to_string(result) + " does not fit in an int32"};
    }
    response.set_result(static_cast<int32_t>(result));
    return Status::OK;
  }
};

class Telemetry final : public telemetry::Telemetry::Service {
  Status Latest(ServerContext* context, const Query* query, Point* point) override {
    Echo(*context);
    const std::string& series = query->series();
    if (series == "state") {
      point->set_text(calls_.State(NameIn(query->labels())));
      return Status::OK;
    }
    Followed followed(calls_, *context, query->labels());
    if (series == "error") return Error();
    if (series == "large") {
      point->set_raw(std::string(query->limit(), '\0'));
      return Status::OK;
    }
    if (series == "slow") Sleep(*context, kLong);
    point->set_series(series);
    *point->mutable_labels() = query->labels();
    point->set_number(21.5);
    point->set_quality(Point::QUALITY_GOOD);
    return Status::OK;
  }

  Status Last(ServerContext* context, const Query* query, Point* point) override {
    return Latest(context, query, point);
  }

  Status Watch(ServerContext* context, const Query* query,
               grpc::ServerWriter<Point>* points) override {
    Begin(*context, *points);
    Followed followed(calls_, *context, query->labels());
    const std::string& series = query->series();
    if (series == "kinds") {
      for (const Point& point : Kinds()) points->Write(point);
      return Status::OK;
    }
    for (int64_t count = 0; count < Length(*query); ++count) {
      if (!points->Write(Count(series, count))) break;
      if (series == "endless") Sleep(*context, milliseconds(10));
    }
    if (series == "slow") Sleep(*context, kLong);
    return series == "error" ? Error() : Status::OK;
  }

  Status Upload(ServerContext* context, grpc::ServerReader<Point>* points,
                Summary* summary) override {
    Begin(*context, *points);
    Point point;
    if (!points->Read(&point)) return Status::OK;
    Followed followed(calls_, *context, point.labels());
    if (point.series() == "error") return Error();
    std::optional<int64_t> oldest, newest;
    do {
      Add(*summary, point);
      if (!point.has_time()) continue;
      const int64_t seconds = point.time().seconds();
      oldest = std::min(oldest.value_or(seconds), seconds);
      newest = std::max(newest.value_or(seconds), seconds);
    } while (points->Read(&point));
    if (newest) summary->mutable_span()->set_seconds(*newest - *oldest);
    WaitForCancellation(*context);
    return Status::OK;
  }

  Status Tail(ServerContext* context,
              grpc::ServerReaderWriter<Point, Query>* stream) override {
    Begin(*context, *stream);
    Query query;
    if (!stream->Read(&query)) return Status::OK;
    Followed followed(calls_, *context, query.labels());
    do {
      if (query.series() == "error") return Error();
      stream->Write(Count(query.series(), query.limit()));
    } while (stream->Read(&query));
    WaitForCancellation(*context);
    return Status::OK;
  }

  // gRPC shows a cancelled stream as one that has ended; the cancellation follows it.
  static void WaitForCancellation(const ServerContext& context) {
    Sleep(context, milliseconds(50));
  }

  Calls calls_;
};

}  // namespace

void Serve(const std::string& host, std::shared_ptr<grpc::ServerCredentials> credentials) {
  Calculator calculator;
  Telemetry telemetry;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port);
  builder.RegisterService(&calculator);
  builder.RegisterService(&telemetry);
  // A level lets the server choose from what the client accepts.
  builder.SetDefaultCompressionLevel(GRPC_COMPRESS_LEVEL_MED);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::cout << "listening on " << host << ":" << port << std::endl;
  server->Wait();
}
