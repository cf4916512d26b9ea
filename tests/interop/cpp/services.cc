// The services in proto/, made into C++ by build.sh: in one go, because most of the time goes into what all of them
// include.

#include "calculator.grpc.pb.cc"
#include "greeter.grpc.pb.cc"
#include "telemetry.grpc.pb.cc"
