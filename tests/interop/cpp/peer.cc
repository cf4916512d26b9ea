// The C++ peer: serves the scenarios, or checks a server that does.

#include <iostream>
#include <string>
#include <vector>

#include "checks.h"
#include "scenarios.h"
#include "tls.h"

int main(int count, char** values) {
  const std::vector<std::string> arguments(values + 1, values + count);
  const std::string command = arguments.empty() ? "" : arguments[0];
  if (command == "serve" && count == 2) {
    Serve("127.0.0.1", grpc::InsecureServerCredentials());
    return 0;
  }
  if (command == "serve" && count == 4) {
    Serve("localhost", ServerTls(arguments[1], arguments[2]));
    return 0;
  }
  if (command == "check" && count == 3) {
    const auto channel = grpc::CreateChannel(arguments[1], grpc::InsecureChannelCredentials());
    return CheckAll(channel) ? 0 : 1;
  }
  if (command == "check" && count == 5) {
    return CheckTls(arguments[1], arguments[2], arguments[3]) ? 0 : 1;
  }
  std::cerr << "serve [tls|mtls FOLDER], or check HOST:PORT [tls|mtls FOLDER]" << std::endl;
  return 2;
}
