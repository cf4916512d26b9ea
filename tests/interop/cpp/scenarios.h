// The server: every behaviour in the table of ../README.md.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "telemetry.pb.h"

// The status of a call that fails as README.md says.
extern const std::string kErrorMessage;
extern const std::string kErrorDetails;

// One point with each kind of value; src/scenarios and python/scenarios.py have the same.
std::vector<telemetry::Point> Kinds();

// Serves on a free port of 127.0.0.1, which it prints as one of `host`, until the process ends.
void Serve(const std::string& host, std::shared_ptr<grpc::ServerCredentials> credentials);
