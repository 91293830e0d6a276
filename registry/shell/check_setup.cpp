#include "registry/shell/check_setup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <asio.hpp>

#include "common/os/atomic_file.hpp"
#include "common/os/standard_streams.hpp"
#include "common/safe_text.hpp"
#include "registry/shell/accounts_file.hpp"
#include "registry/shell/listening.hpp"
#include "registry/store/sqlite_database.hpp"
#include "registry/store/user_list_file.hpp"
#include "registry/user_list.hpp"

namespace registry {

using common::ExitStatus;

ExitStatus check_setup(const Options& options) {
  asio::io_context loop;
  std::error_code failed;
  bool is_well = true;
  const auto report = [&](const std::string& text) {
    complain(text);
    is_well = false;
  };
  if (resolve(loop, options.listen, failed).empty())
    report(fmt::format("cannot find the host {}: {}", options.listen.host, failed.message()));

  for (std::filesystem::path folder : {options.data, options.user_list.parent_path()}) {
    while (!folder.empty() && !std::filesystem::exists(folder, failed))
      folder = folder.parent_path();
    if (folder.empty()) folder = ".";
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      report(fmt::format("cannot write to {}: {}", folder.string(),
                         common::os::last_error().message()));
  }
  if (SqliteDatabase::exists(options.data)) {
    const auto database = SqliteDatabase::open(options.data);
    const auto state =
        database ? (*database)->load([&](std::string_view name) {
          report(fmt::format("a record in {} cannot be used: {}", options.data.string(),
                             common::to_terminal(name)));
        })
                 : common::expected<StoredState, StoreError>(common::unexpected{database.error()});
    // One that is in use is a running registry's, and well.
    if (!state && state.error().kind != StoreError::Kind::kInUse) report(state.error().text);
  }

  const auto content = common::os::read_file(options.user_list, kUserListBytesMax);
  if (content) {
    for (const BadLine& line : parse_user_list(*content).bad_lines)
      report(fmt::format("{} line {}: {}", options.user_list.string(), line.number, line.reason));
  } else if (content.error() != std::errc::no_such_file_or_directory) {
    report(
        fmt::format("cannot read {}: {}", options.user_list.string(), content.error().message()));
  }
  for (const auto& [door, where] : options.doors) {
    if (resolve(loop, where, failed).empty())
      report(fmt::format("cannot find the host {}: {}", where.host, failed.message()));
  }
  if (options.rendezvous_udp && resolve(loop, *options.rendezvous_udp, failed).empty()) {
    report(
        fmt::format("cannot find the host {}: {}", options.rendezvous_udp->host, failed.message()));
  }
  if (!options.accounts.empty()) {
    const auto loaded = load_accounts(options.accounts, options.strict);
    if (!loaded) report(loaded.error());
    if (loaded)
      for (const std::string& warning : loaded->warnings) report(warning);
  }
  if (!is_well) return ExitStatus::kConfiguration;
  const bool is_said = common::os::print_output("registry: options and files are in order\n");
  return is_said ? ExitStatus::kOk : ExitStatus::kOutput;
}

}  // namespace registry
