#include "registry/shell/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "common/version.hpp"

namespace registry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  Families& begin(std::string name, std::string help, MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    return *this;
  }
  Families& add(Labels labels, std::uint64_t value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = static_cast<double>(value);
    } else {
      metric.gauge.value = static_cast<double>(value);
    }
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

/// Pages of this process in memory, times their size; 0 where /proc does not say.
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;

/// "two-connection" as it is written in a metric's name.
std::string metric_name(common::Door door) {
  std::string name(to_string(door));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void add_hub(Families& families, const Hub& hub) {
  families.begin("registry_deliveries_total", "Messages by what came of them, one a recipient.",
                 kCounter);
  for (std::size_t i = 0; i < kDeliveryOutcomeCount; ++i) {
    const auto outcome = static_cast<DeliveryOutcome>(i);
    families.add({{"outcome", std::string(to_string(outcome))}}, hub.counters().outcomes[i]);
  }
  families.begin("registry_deliveries_under_way", "Messages without a result yet.", kGauge)
      .add({}, hub.under_way());
}

void add_door(Families& families, const std::string& door, const doors::MessageDoor& held) {
  for (const doors::DoorMetric& metric : held.metrics()) {
    families.begin("registry_" + door + '_' + metric.name, metric.help,
                   metric.is_gauge ? kGauge : kCounter);
    for (const auto& [value, count] : metric.values)
      families.add(metric.label.empty() ? Labels{} : Labels{{metric.label, value}}, count);
  }
}

void add_gateways(Families& families, const Gateway& udp, const Gateway& tcp) {
  const std::pair<const char*, const Gateway&> gateways[] = {{"udp", udp}, {"tcp", tcp}};
  families.begin("registry_gateway_ports", "Gateway ports that are open.", kGauge);
  for (const auto& [transport, gateway] : gateways)
    families.add({{"transport", transport}}, gateway.open_count());
  families.begin("registry_gateway_left_out",
                 "Users whom lists for that transport leave out for want of a port.", kGauge);
  for (const auto& [transport, gateway] : gateways)
    families.add({{"transport", transport}}, gateway.left_out());
  families.begin("registry_gateway_messages_total", "Messages taken at gateway ports.", kCounter);
  for (const auto& [transport, gateway] : gateways)
    families.add({{"transport", transport}}, gateway.counters().taken);
  families.begin("registry_gateway_dropped_total", "What was dropped there.", kCounter);
  for (const auto& [transport, gateway] : gateways)
    for (const auto& [reason, count] : gateway.counters().dropped)
      families.add({{"transport", transport}, {"reason", reason}}, count);
}

}  // namespace

std::string render_metrics(const http::HttpApiCounters& api, const ConnectionCounters& connections,
                           const StoreCounters& store, const Directory& directory, bool is_store_up,
                           const MessageParts& messages) {
  Families families;
  families.begin("registry_build_info", "Always 1; the version is in the label.", kGauge)
      .add({{"version", common::kVersion}}, 1);
  families.begin("registry_users", "Users that are listed.", kGauge).add({}, directory.size());
  families.begin("registry_directory_version", "One higher with each change.", kGauge)
      .add({}, directory.version());
  families.begin("registry_requests_total", "HTTP requests answered.", kCounter);
  auto requests = api.requests;
  requests[{"list", 200}] += api.ready_lists;
  requests[{"lookup", 200}] += api.ready_lookups;
  for (const auto& [key, count] : requests)
    families.add({{"operation", key.first}, {"status", std::to_string(key.second)}}, count);
  families.begin("registry_framing_errors_total", "Bytes that were no HTTP request.", kCounter);
  for (const auto& [status, count] : connections.framing_errors)
    families.add({{"status", std::to_string(status)}}, count);
  families.begin("registry_connections", "Open connections.", kGauge).add({}, connections.open);
  families.begin("registry_connections_total", "Connections accepted.", kCounter)
      .add({}, connections.accepted);
  families.begin("registry_connections_refused_total", "Connections closed at once.", kCounter);
  for (const auto& [reason, count] : connections.refused) families.add({{"reason", reason}}, count);
  families.begin("registry_store_up", "1 while the disk takes changes.", kGauge)
      .add({}, is_store_up ? 1 : 0);
  families.begin("registry_store_transactions_total", "Transactions committed.", kCounter)
      .add({}, store.transactions);
  families.begin("registry_store_changes_total", "Changes committed.", kCounter)
      .add({}, store.changes);
  families.begin("registry_store_failed_changes_total", "Changes answered 503.", kCounter)
      .add({}, store.failed_changes);
  if (messages.hub != nullptr) add_hub(families, *messages.hub);
  for (const auto& [door, held] : messages.doors) add_door(families, metric_name(door), *held);
  if (messages.udp_gateway != nullptr && messages.tcp_gateway != nullptr)
    add_gateways(families, *messages.udp_gateway, *messages.tcp_gateway);
  families.begin("process_resident_memory_bytes", "Resident memory.", kGauge)
      .add({}, resident_bytes());
  return families.text();
}

}  // namespace registry
