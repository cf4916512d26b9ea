// TLS, with a certificate of the server's (`tls`) or of both sides (`mtls`); see ../src/tls.rs.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

// With the certificates in `folder`.
std::shared_ptr<grpc::ServerCredentials> ServerTls(const std::string& kind,
                                                   const std::string& folder);

// Prints a line for each check; true when all have passed.
bool CheckTls(const std::string& address, const std::string& kind, const std::string& folder);
