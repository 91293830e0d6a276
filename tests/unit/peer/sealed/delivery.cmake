add_unit_program(unit_delivery
  FILES
    peer/sealed/ack_ranges_test.cpp
    peer/sealed/congestion_test.cpp
    peer/sealed/frames_test.cpp
    peer/sealed/inbox_test.cpp
    peer/sealed/message_ids_test.cpp
    peer/sealed/messenger_receipt_test.cpp
    peer/sealed/messenger_test.cpp
    peer/sealed/outbox_test.cpp
    peer/sealed/path_test.cpp
    peer/sealed/retransmit_queue_test.cpp
    peer/sealed/rtt_estimator_test.cpp
    peer/sealed/small_worlds_test.cpp
  LIBRARIES sealed_core fmt::fmt)
