mod @module@ {
    use rust_scaffold::@used@;

    use @proto@;

    use crate::services::@type@;

    @allow@
    #[tokio::test]
    async fn @name@_is_still_to_be_written() {
        let client = @client@::in_process(@type@);
        let status = client.@method@(@request@).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    }

    @allow@
    #[tokio::test]
    async fn a_mock_answers_as_a_test_says() {
        let mock = @mock@::new();
        @mocked@
    }
}

