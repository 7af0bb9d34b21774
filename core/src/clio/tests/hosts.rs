use url::Url;

use crate::clio::{ClioHost, Region};
use crate::domain::ClioId;
use crate::error::Code;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn custom(root: &str) -> ClioHost {
    ClioHost::custom(url(root)).unwrap()
}

#[test]
fn regions_have_their_own_hosts() {
    for (region, name, root) in [
        (Region::Us, "us", "https://app.clio.com/"),
        (Region::Eu, "eu", "https://eu.app.clio.com/"),
        (Region::Ca, "ca", "https://ca.app.clio.com/"),
        (Region::Au, "au", "https://au.app.clio.com/"),
    ] {
        let host = ClioHost::region(region);
        assert_eq!((host.name(), host.root().as_str()), (name, root));
        assert_eq!(name.parse::<Region>().unwrap(), region);
        assert_eq!(host.api("contacts.json?limit=1").as_str(), format!("{root}api/v4/contacts.json?limit=1"));
        assert_eq!(host.oauth("token").as_str(), format!("{root}oauth/token"));
        assert_eq!(host.matter_url(ClioId(7)).as_str(), format!("{root}nc/#/matters/7"));
    }
    assert_eq!("uk".parse::<Region>().unwrap_err().code(), Code::SettingInvalid);
}

#[test]
fn a_custom_host_is_a_secure_origin_or_this_machine() {
    for good in [
        "https://clio.example.com",
        "https://10.0.0.1:8443/",
        "http://127.0.0.1:4400",
        "http://127.9.9.9",
        "http://[::1]:80",
        "http://localhost:1",
    ] {
        assert_eq!(custom(good).name(), "custom", "{good}");
    }
    for bad in [
        "http://clio.example.com",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://0.0.0.0",
        "ftp://clio.example.com",
        "file:///tmp",
        "data:,x",
        "https://user@clio.example.com",
        "https://user:pass@clio.example.com",
        "https://:pass@clio.example.com",
        "https://clio.example.com/path",
        "https://clio.example.com/?q",
        "https://clio.example.com/#f",
    ] {
        assert_eq!(ClioHost::custom(url(bad)).unwrap_err().code(), Code::UrlRefused, "{bad}");
    }
}

#[test]
fn a_region_is_one_host_however_it_is_named() {
    for (name, root) in [
        ("us", "https://app.clio.com"),
        ("eu", "https://eu.app.clio.com/"),
        ("ca", "https://ca.app.clio.com:443"),
        ("au", "https://AU.app.clio.com"),
    ] {
        let named: ClioHost = name.parse().unwrap();
        assert_eq!((named.name(), &custom(root), &root.parse::<ClioHost>().unwrap()), (name, &named, &named));
    }
    assert_eq!("http://127.0.0.1:1".parse::<ClioHost>().unwrap().name(), "custom");
    for bad in ["", "uk", "app.clio.com", "http://app.clio.com"] {
        assert_eq!(bad.parse::<ClioHost>().unwrap_err().code(), Code::UrlRefused, "{bad}");
    }
}

#[test]
fn documents_go_to_clios_storage() {
    let host = ClioHost::region(Region::Ca);
    for good in [
        "https://s3.us-west-2.amazonaws.com/iris-production/x.pdf?X-Amz-Signature=1",
        "https://s3.amazonaws.com/bucket/x",
        "https://bucket.s3.amazonaws.com/x",
        "https://bucket.with.dots.s3.ca-central-1.amazonaws.com/x",
        "https://bucket.s3-eu-west-1.amazonaws.com/x",
        "https://bucket.s3.dualstack.ap-southeast-2.amazonaws.com/x",
        "https://bucket.s3-accelerate.amazonaws.com/x",
        "https://bucket.s3-accelerate.dualstack.amazonaws.com/x",
        "https://bucket.s3-fips.us-gov-west-1.amazonaws.com/x",
        "https://uploads.clio.com/x",
        "https://app.clio.com/x",
        "https://app.clio.com:443/x",
    ] {
        host.upload_allowed(&url(good)).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
}

#[test]
fn documents_go_nowhere_else() {
    let host = ClioHost::region(Region::Us);
    for bad in [
        "http://s3.amazonaws.com/x",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "https://127.0.0.1/x",
        "http://127.0.0.1:9000/x",
        "http://localhost/x",
        "https://[::1]/x",
        "https://52.216.0.1/x",
        "https://0x7f.1/x",
        "file:///etc/passwd",
        "ftp://s3.amazonaws.com/x",
        "data:,x",
        "https://user@s3.amazonaws.com/x",
        "https://s3.amazonaws.com:pw@s3.amazonaws.com/x",
        "https://s3.amazonaws.com@evil.example/x",
        "https://s3.amazonaws.com:8443/x",
        "https://s3.amazonaws.com./x",
        "https://app.clio.com./x",
        "https://s3.amazonaws.com.evil.example/x",
        "https://s3amazonaws.com/x",
        "https://evilamazonaws.com/x",
        "https://amazonaws.com/x",
        "https://.amazonaws.com/x",
        "https://s3..amazonaws.com/x",
        "https://abc.execute-api.us-east-1.amazonaws.com/x",
        "https://s3.execute-api.us-east-1.amazonaws.com/x",
        "https://s3.elb.amazonaws.com/x",
        "https://a.s3.dualstack.elb.amazonaws.com/x",
        "https://s3-x.elb.amazonaws.com/x",
        "https://s3-x-1.us-east-1.elb.amazonaws.com/x",
        "https://ec2-1-2-3-4.compute-1.amazonaws.com/x",
        "https://bucket.s3-website-us-east-1.amazonaws.com/x",
        "https://f.s3-object-lambda.us-east-1.amazonaws.com/x",
        "https://clio.com.evil.example/x",
        "https://evilclio.com/x",
        "https://evil.example/s3.amazonaws.com",
        "https://localhost/x",
    ] {
        let error = host.upload_allowed(&url(bad)).expect_err(bad);
        assert_eq!(error.code(), Code::UploadUrlRefused, "{bad}");
        assert!(!error.to_string().contains("example"), "{error}");
    }
}

#[test]
fn a_clio_on_this_machine_may_store_on_this_machine() {
    for root in ["http://127.0.0.1:4400", "http://localhost:4400", "http://[::1]:4400", "https://127.0.0.1"] {
        let host = custom(root);
        for good in [
            "http://127.0.0.1:4401/put",
            "https://127.0.0.1/put",
            "http://[::1]:9/put",
            "https://bucket.s3.amazonaws.com/x",
        ] {
            host.upload_allowed(&url(good)).unwrap_or_else(|error| panic!("{root} {good}: {error}"));
        }
        for bad in [
            "http://localhost:4400/x",
            "http://10.0.0.1/x",
            "http://169.254.169.254/",
            "http://u@127.0.0.1/x",
            "ftp://127.0.0.1/x",
        ] {
            assert_eq!(host.upload_allowed(&url(bad)).unwrap_err().code(), Code::UploadUrlRefused, "{root} {bad}");
        }
    }
    let elsewhere = custom("https://clio.example.com");
    assert!(elsewhere.upload_allowed(&url("http://127.0.0.1/x")).is_err());
}

#[test]
fn one_more_storage_host_can_be_allowed_by_its_exact_name() {
    let host = ClioHost::region(Region::Us).with_upload_host("Storage.Example.com").unwrap();
    assert!(host.upload_allowed(&url("https://storage.example.com/x")).is_ok());
    for bad in [
        "http://storage.example.com/x",
        "https://a.storage.example.com/x",
        "https://storage.example.com:1/x",
        "https://example.com/x",
    ] {
        assert!(host.upload_allowed(&url(bad)).is_err(), "{bad}");
    }
    for bad in [
        "",
        "com",
        "127.0.0.1",
        "[::1]",
        "*.example.com",
        "example.com.",
        "https://example.com",
        "example.com/x",
        "a@example.com",
        "example.com:1",
    ] {
        let error = ClioHost::region(Region::Us).with_upload_host(bad).expect_err(bad);
        assert_eq!(error.code(), Code::SettingInvalid, "{bad}");
    }
}
