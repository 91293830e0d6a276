# The transport half of sealed datagrams: frames, timers, order and delivery. Cores.
target_sources(sealed_core PRIVATE
  sealed/ack_ranges.cpp
  sealed/congestion.cpp
  sealed/frames.cpp
  sealed/inbox.cpp
  sealed/message_ids.cpp
  sealed/messenger.cpp
  sealed/outbox.cpp
  sealed/path.cpp
  sealed/reassembly.cpp
  sealed/retransmit_queue.cpp
  sealed/rtt_estimator.cpp
  sealed/session.cpp
  sealed/session_receive.cpp
  sealed/session_table.cpp
  sealed/session_transmit.cpp
  sealed/signed_receipt.cpp)
