#include "peer/shell/registry_worker.hpp"

#include <fmt/format.h>

#include "peer/shell/host_addresses.hpp"

namespace peer {

RegistryWorker::RegistryWorker(common::HostPort registry)
    : client_(std::move(registry)), thread_([this](const Job& job) { return work(job); }) {}

RegistryWorker::~RegistryWorker() { client_.cancel(); }

bool RegistryWorker::stop_within(common::Duration time) {
  client_.cancel();
  return thread_.stop_within(time);
}

RegistryWorker::Result RegistryWorker::work(const Job& job) {
  // Anew each time: a kept connection may be long dead, and its address that of another network.
  client_.disconnect();
  const auto local = client_.connect();
  if (!local) return {{}, common::unexpected{local.error()}};
  common::Endpoint endpoint{*local, job.port};
  if (job.verb == Verb::kLogout && registered_) {
    endpoint = *registered_;
  } else if (job.advertise) {
    const auto address = resolve_host(job.advertise->host, *local);
    if (!address) {
      return {endpoint, common::unexpected{ExchangeFailure{
                            ExchangeFailure::Kind::kUnreachable,
                            fmt::format("cannot find the host {}", job.advertise->host)}}};
    }
    endpoint.address = *address;
    if (job.advertise->port != 0) endpoint.port = job.advertise->port;
  }
  HttpRequest request = make_registration(job.verb, job.name, endpoint, job.owner_token);
  if (job.signer) {
    sign_registration(request, client_.host_field(), *job.signer->identity, job.signer->certificate,
                      job.signer->serial);
  }
  const auto answer = client_.exchange(request);
  if (!answer) return {endpoint, common::unexpected{answer.error()}};
  RegistrationOutcome outcome = interpret_registration(job.verb, *answer);
  if (job.verb != Verb::kLogout && std::holds_alternative<Accepted>(outcome))
    registered_ = endpoint;
  return {endpoint, std::move(outcome)};
}

}  // namespace peer
