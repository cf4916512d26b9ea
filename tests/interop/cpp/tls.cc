#include "tls.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <vector>

#include "calculator.grpc.pb.h"
#include "checks.h"

namespace {

const std::string kClient = "spiffe://example.org/client";

class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}

  std::string Read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name);
    if (!file) throw std::runtime_error("cannot read " + path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

// What a client tries, and what comes of it: whom the server has seen, or nothing if it cannot connect.
struct Attempt {
  std::string name;
  grpc::SslCredentialsOptions tls;
  std::optional<std::string> seen;
  std::string server_name = "localhost";
};

std::vector<Attempt> Attempts(const std::string& kind, const Folder& folder) {
  const auto trusting = [&](const std::string& ca, const std::string& client = "") {
    if (client.empty()) return grpc::SslCredentialsOptions{folder.Read(ca), "", ""};
    return grpc::SslCredentialsOptions{folder.Read(ca), folder.Read(client + ".key"),
                                       folder.Read(client + ".crt")};
  };
  if (kind == "tls") {
    return {
        {"tls with the certificate of the server", trusting("ca.crt"), ""},
        {"tls of an unknown ca is refused", trusting("other.crt"), {}},
        {"tls with another name is refused", trusting("ca.crt"), {}, "other.example"},
    };
  }
  return {
      {"mtls with both certificates", trusting("ca.crt", "client"), kClient},
      {"mtls without a client certificate is refused", trusting("ca.crt"), {}},
      {"mtls with a client of an unknown ca is refused", trusting("ca.crt", "stranger"), {}},
      {"mtls of an unknown ca is refused", trusting("other.crt", "client"), {}},
      {"mtls with another name is refused", trusting("ca.crt", "client"), {}, "other.example"},
  };
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const Attempt& attempt) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(attempt.server_name);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(attempt.tls), arguments);
}

void Try(std::shared_ptr<grpc::Channel> channel, const std::optional<std::string>& expected) {
  Call call;
  calculator::AddRequest request;
  request.set_a(5);
  request.set_b(3);
  calculator::AddResponse response;
  const grpc::Status status =
      calculator::Calculator::NewStub(std::move(channel))->Add(&call, request, &response);
  if (!expected) return FailsWith(grpc::StatusCode::UNAVAILABLE, status);
  Succeeds(status);
  EXPECT(response.result() == 8);
  const auto& metadata = call.GetServerInitialMetadata();
  const auto peer = metadata.find("x-peer");
  EXPECT((peer == metadata.end() ? "" : peer->second) == *expected);
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ServerTls(const std::string& kind,
                                                   const std::string& path) {
  const Folder folder(path);
  grpc::SslServerCredentialsOptions options(
      kind == "mtls" ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                     : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({folder.Read("server.key"), folder.Read("server.crt")});
  if (kind == "mtls") options.pem_root_certs = folder.Read("ca.crt");
  return grpc::SslServerCredentials(options);
}

bool CheckTls(const std::string& address, const std::string& kind, const std::string& folder) {
  const std::vector<Attempt> attempts = Attempts(kind, Folder(folder));
  bool passed = true;
  for (const Attempt& attempt : attempts) {
    passed &= Report(attempt.name, [&] { Try(Connect(address, attempt), attempt.seen); });
  }
  // The first one has what it takes.
  return CheckCallsAndSizes(Connect(address, attempts[0])) && passed;
}
