// The client: the checks of a server that serves the scenarios; run.py lists those that are left out.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

// Print a line for each check; true when all have passed.
bool CheckAll(std::shared_ptr<grpc::Channel> channel);
bool CheckCallsAndSizes(std::shared_ptr<grpc::Channel> channel);

// Runs a check, which throws where an expectation is not met, and prints what it has come to; true when it has passed.
bool Report(const std::string& name, const std::function<void()>& check);

// What a call has besides its message: nothing may hang.
class Call : public grpc::ClientContext {
 public:
  explicit Call(std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    set_deadline(std::chrono::system_clock::now() + timeout);
  }
};

void Succeeds(const grpc::Status& status);
void FailsWith(grpc::StatusCode code, const grpc::Status& status);

#define EXPECT(condition)                                                                         \
  if (!(condition)) throw std::runtime_error("line " + std::to_string(__LINE__) + ": " #condition)
